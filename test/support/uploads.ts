/** Large uploads as plain HTTP clients send them, many of which read no answer before they have sent all. */
import { request } from 'node:http'

const BLOCK = Buffer.alloc(64 * 1024, 'a')

export interface Upload {
  url: string
  megabytes: number
  /** Without a content-length. */
  chunked: boolean
  headers?: Record<string, string>
}

/** The answer's status and whole text, or the code of the error that the client saw instead. */
export function upload({
  url,
  megabytes,
  chunked,
  headers = {},
}: Upload): Promise<{ status: number; text: string } | string> {
  return new Promise((resolve) => {
    let left = megabytes * 16
    const length = chunked ? {} : { 'content-length': left * BLOCK.length }
    const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)
    const sending = request(url, { method: 'POST', agent: false, headers: { ...headers, ...length } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      response.on('error', failed)
      response.on('end', () => resolve(response.complete ? { status: response.statusCode!, text } : 'cut off'))
    })
    sending.on('error', failed)
    const pour = () => {
      while (left-- > 0) if (!sending.write(BLOCK)) return void sending.once('drain', pour)
      sending.end()
    }
    pour()
  })
}
