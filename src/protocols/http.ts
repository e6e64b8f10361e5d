/** Any HTTP API: no jobs, no ids, bodies and answers pass unread. Status and latency are the call's. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Protocol } from './protocol.ts'
import { translateText } from './translate.ts'

export const http: Protocol = {
  name: 'http',
  hasJobs: false,
  requestHeaders: [],
  route: (method, path) => ({
    operation: 'other',
    prefix: '',
    job: null,
    body: method === 'GET' || method === 'HEAD' ? 'none' : 'stream',
    answer: 'bytes',
    upstreamPath: () => path,
  }),
  readSubmission: (bytes, contentType) => ({
    byteLength: bytes.length,
    model: null,
    promptChars: null,
    durationSeconds: null,
    work: null,
    jobs: [],
    get fingerprint() {
      return bytesToHex(sha256(bytes))
    },
    rebuild: () => ({ bytes, contentType: contentType ?? 'application/octet-stream' }),
  }),
  readJob: () => null,
  readIds: () => [],
  translate: (text) => text,
  translateHeader: (name, value, translation) => translateText(value, translation, name),
  listQuery: () => ({ limit: 20, after: null, order: 'desc' }),
  listAnswer: (jobs) => jobs,
  placeholder: (id) => ({ id }),
  pollCall: () => {
    throw new Error('The http protocol has no jobs to poll.')
  },
  cancelCall: () => null,
  contentCall: () => null,
  asksForVideo: () => true,
  isVideoType: () => true,
}
