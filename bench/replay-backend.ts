/**
 * A demo backend at the cost of none: it asks the demo's for the answer to the first submit and to the first poll, and
 * gives the same ones from then on, each submit with an id of its own. So it knows no jobs, and the thousandth costs what
 * the first did, whatever queue or limit a wire has.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Answer {
  status: number
  headers: Record<string, string>
  text: string
  /** The path that was asked for. */
  path: string
}

export interface ReplayBackend {
  url: string
  close: () => void
}

const OF_CONNECTION = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'])
const COUNTED_DIGITS = 9

/** `idIn`: the job's id in a submit's answer. */
export async function startReplay(original: string, idIn: (text: string) => string): Promise<ReplayBackend> {
  const known = new Map<string, Promise<Answer>>()
  let url = ''
  let firstId = ''
  let jobs = 0

  const askOriginal = async (path: string, { method = 'GET', headers }: IncomingMessage, body: Buffer) => {
    const sent = Object.entries(headers).filter(([name]) => !OF_CONNECTION.has(name) && name !== 'host')
    const given = { method, headers: sent as [string, string][], body: body.length > 0 ? new Uint8Array(body) : null }
    const answer = await fetch(original + path, given)
    // Its URLs lead here, as they do at a backend that knows by which name it was asked.
    const text = (await answer.text()).replaceAll(original, url)
    if (!answer.ok) throw new Error(`the demo's backend answers ${method} ${path} with ${answer.status}: ${text}`)
    const kept = [...answer.headers].filter(([name]) => !OF_CONNECTION.has(name))
    return { status: answer.status, headers: Object.fromEntries(kept), text, path }
  }

  const answerTo = async (request: IncomingMessage, body: Buffer): Promise<Answer> => {
    const { method = 'GET', url: path = '/' } = request
    const first = known.get(method) ?? askOriginal(path, request, body)
    known.set(method, first)
    const answer = await first
    if (method === 'POST') {
      firstId ||= idIn(answer.text)
      // The first keeps its id, by which the original knows it.
      const n = jobs++
      return n === 0 ? answer : withId(answer, firstId, counted(firstId, n))
    }
    const at = answer.path.indexOf(firstId)
    return withId(answer, firstId, path.slice(at, at + firstId.length))
  }

  const server = createServer((request, response) => {
    const answered = request.toArray().then((chunks: Buffer[]) => answerTo(request, Buffer.concat(chunks)))
    answered.then(
      ({ status, headers, text }) =>
        response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  server.keepAliveTimeout = 300_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, close }
}

function withId(answer: Answer, id: string, own: string): Answer {
  const headers = Object.entries(answer.headers).map(([name, value]) => [name, value.replaceAll(id, own)])
  return { ...answer, headers: Object.fromEntries(headers) as Answer['headers'], text: answer.text.replaceAll(id, own) }
}

/** Of the same length and signs. */
function counted(id: string, n: number): string {
  const digits = String(n).padStart(COUNTED_DIGITS, '0').split('')
  let shown = ''
  for (let i = id.length - 1; i >= 0; i--) shown = (/[\da-z]/i.test(id[i]!) ? (digits.pop() ?? id[i]!) : id[i]!) + shown
  return shown
}
