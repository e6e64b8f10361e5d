// The least that a proxy on this runtime can do: the reference of every ratio.
export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url)
    return fetch(new Request(env.BACKEND + pathname + search, request))
  },
}
