/** Any HTTP API: no jobs, no ids, bodies and answers pass unread. Status and latency are the call's. */
import type { HttpProtocol } from './protocol.ts'
import { translateText } from './translate.ts'

export const http: HttpProtocol = {
  kind: 'http',
  name: 'http',
  authScheme: 'Bearer',
  requestHeaders: [],
  route: (method, path) => ({
    operation: 'other',
    prefix: '',
    job: null,
    body: method === 'GET' || method === 'HEAD' ? 'none' : 'stream',
    answer: 'bytes',
    upstreamPath: () => path,
  }),
  translateHeader: (name, value, translation) => translateText(value, translation, name),
}
