/** A backend that costs nothing to wait for: `node bench/hot-path/backend.ts PORT`. Answers at once, whatever it is sent. */
import { createServer } from 'node:http'

const VIDEO = Buffer.alloc(10 * 1024 * 1024, 97)
let jobs = 0

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    if (request.url!.endsWith('/content'))
      return void response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': VIDEO.length }).end(VIDEO)
    const id = request.method === 'POST' ? `video_${process.pid}_${++jobs}` : request.url!.split('/').at(-1)
    const status = request.method === 'POST' ? 'queued' : 'in_progress'
    const body = `{"id":"${id}","object":"video","status":"${status}","progress":0,"model":"t2v-1","created_at":1760000000}`
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    return void response.writeHead(200, headers).end(body)
  })
})
server.keepAliveTimeout = 300_000
server.listen(Number(process.argv[2]), '127.0.0.1')
