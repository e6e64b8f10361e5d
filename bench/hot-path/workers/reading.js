// What any gateway for jobs has to do besides: read both bodies, and mark the answer.
export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url)
    const body = request.method === 'POST' ? await request.arrayBuffer() : undefined
    const upstream = await fetch(env.BACKEND + pathname + search, {
      method: request.method,
      headers: request.headers,
      body,
    })
    if (pathname.endsWith('/content')) return upstream
    const response = new Response(await upstream.text(), upstream)
    response.headers.set('x-arm', 'control')
    response.headers.set('x-stage', 'canary-10')
    return response
  },
}
