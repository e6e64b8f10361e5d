/**
 * Whether the answer to a download shows that a finished job has no video. Whether the job had finished, the answer
 * does not say. Asks nobody.
 */
import { isGone } from './job-outcome.ts'
import type { BackendAnswer, JobProtocol } from './protocol.ts'

/** What the client asked for. */
export interface Asked {
  method: string
  headers: BackendAnswer['headers']
  query: URLSearchParams
}

export interface Answered {
  status: number
  headers: BackendAnswer['headers']
  /** The body has come to its end without a byte. */
  isEmpty: boolean
}

/** What is known to be none: pages, JSON, plain text. */
const NO_VIDEO = /^(text\/.*|application\/(xml|xhtml\+xml|javascript|x-www-form-urlencoded|x-ndjson|([\w.-]+\+)?json))$/

/**
 * Any type but those that are known to be no video: besides `video/mp4` backends say `application/mp4`,
 * `binary/octet-stream`, `multipart/byteranges` for several ranges, or nothing at all.
 */
export function isVideoType(contentType: string | null): boolean {
  const [essence = ''] = (contentType ?? '').split(';')
  return !NO_VIDEO.test(essence.trim().toLowerCase())
}

const CONDITIONS = ['if-none-match', 'if-modified-since']

/** Of types that a video may come under. */
const TAKES_VIDEO = /\*\/\*|video\/|application\/\*|binary|octet-stream|mp4|multipart\//i

/**
 * Missing, empty, or of a type that is none. What the client asked for shows nothing: a HEAD, a part, a condition, a
 * picture instead of the video, or an Accept that leaves no room for one. Nor does a redirect, or an error of the
 * backend's that may pass.
 */
export function showsNoVideo(
  protocol: Pick<JobProtocol, 'asksForVideo' | 'makesAnyFile'>,
  asked: Asked,
  answered: Answered,
): boolean {
  const { status, headers } = answered
  const accept = asked.headers.get('accept')
  if (asked.method === 'HEAD' || protocol.asksForVideo?.(asked.query) === false) return false
  if (accept !== null && accept.trim() !== '' && !TAKES_VIDEO.test(accept)) return false
  if (isGone(status)) return true
  // No range of a video of no length can be had.
  if (status === 416) return headers.get('content-range')?.trim() === 'bytes */0'
  if (status === 304) return CONDITIONS.every((name) => asked.headers.get(name) === null)
  if (status < 200 || status >= 300) return false
  return isEmpty(answered) || !(protocol.makesAnyFile || isVideoType(headers.get('content-type')))
}

function isEmpty({ status, headers, isEmpty: hasEnded }: Answered): boolean {
  return hasEnded || status === 204 || status === 205 || headers.get('content-length')?.trim() === '0'
}
