/** Any HTTP API: no jobs, no ids, bodies and answers pass unread. Status and latency are the call's. */
import type { HttpProtocol } from './protocol.ts'
import { passed } from './route-kinds.ts'
import { translateText } from './translate.ts'

export const http: HttpProtocol = {
  kind: 'http',
  name: 'http',
  authScheme: 'Bearer',
  requestHeaders: [],
  route: (method, path) => ({ ...passed(method, path), prefix: '' }),
  translateHeader: (name, value, translation) => translateText(value, translation, name),
}
