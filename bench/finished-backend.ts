/** A backend whose jobs are finished as they are submitted, and tell the GPU seconds that they took. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Jobs take so much of their arm's GPU seconds, in turn. */
const UNEVEN = [0.8, 0.9, 1, 1.1, 1.2]

/** Each submit is a finished job, so that its cost is there with its exposure. */
export async function startBackend(gpuSeconds: number): Promise<{ url: string; server: Server }> {
  let made = 0
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      const id = request.method === 'POST' ? `video_${made++}` : request.url!.split('/')[3]!
      if (request.url!.endsWith('/content')) return void response.end('video')
      response.setHeader('content-type', 'application/json')
      const inference_time_s = gpuSeconds * UNEVEN[Number(id.split('_')[1]) % UNEVEN.length]!
      response.end(JSON.stringify({ id, object: 'video', status: 'completed', inference_time_s }))
    })
  })
  // A connection that is closed as it is used again would be a failed submit.
  server.keepAliveTimeout = 600_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}
