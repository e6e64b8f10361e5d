/**
 * The interface that every wire protocol fills. An adapter names operations, reads bodies and
 * translates ids; it sends nothing and keeps nothing. Adding one touches one file and the list.
 */
import { detail, type ErrorDetail } from '../core/errors.ts'
import type { Operation } from '../core/outcome.ts'

/** What method and path alone say of a request. */
export interface Route {
  operation: Operation
  /** What stands before the API's own paths, as `/n` in `/n/v1/videos`; '' where nothing does, or no job can come of it. */
  prefix: string
  /** Job id as it stands in the path, decoded: the client's on the way in. */
  job: string | null
  /** `submission`: read, checked and rebuilt by the adapter. `stream`: passed on unread. */
  body: 'none' | 'submission' | 'stream'
  /** What a good answer holds: one job's JSON, the caller's list, a job's removal, other JSON with ids in it, or bytes to stream. */
  answer: 'job' | 'list' | 'deletion' | 'json' | 'bytes'
  /** Path for the backend, given its own job id (ignored where `job` is null). Query strings are kept by the caller. */
  upstreamPath: (upstreamId: string | null) => string
}

/** A submit read once. Rebuilding never re-reads the network; the bytes are shared. */
export interface Submission {
  /** Of the body as it was sent. */
  byteLength: number
  model: string | null
  promptChars: number | null
  durationSeconds: number | null
  /** frames × pixels, where the request names both. */
  work: number | null
  /** Client-side ids of jobs that this one refers to (remix, extension, edit). */
  jobs: string[]
  /** Equal for equal requests, whatever the multipart boundary. Hex. */
  fingerprint: string
  rebuild(target: RebuildTarget): { bytes: Uint8Array<ArrayBuffer>; contentType: string }
}

export interface RebuildTarget {
  /** The arm's model name; null leaves the client's. */
  model: string | null
  /** Client id → backend id, for each of `Submission.jobs`. */
  jobIds: ReadonlyMap<string, string>
  /** A copy for the shadow: without webhooks, storage targets and user ids. */
  shadow: boolean
}

export type JobStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** A job as a backend's answer shows it. */
export interface JobSight {
  /** The backend's id. */
  id: string
  status: JobStatus
  /** Why it failed: the arm's fault or the user's. Null unless `failed`. */
  failure: 'job_failed' | 'content_refused' | null
  message: string | null
  /** Seconds that the backend itself tells; null where it does not. */
  queueSeconds: number | null
  runSeconds: number | null
  /** Submit to end by the backend's own clock; null where it does not tell. */
  totalSeconds: number | null
}

/** How a job ended for its client, where that is known without its backend. `at` in unix ms. */
export interface JobEnd {
  outcome: 'ok' | 'job_failed' | 'content_refused'
  at: number
}

export interface ListQuery {
  limit: number
  after: string | null
  order: 'asc' | 'desc'
}

export interface Translation {
  /** Backend id → the id that the client knows. Replaced wherever it stands as a whole token, in strings and keys; a plain one (`12`, `completed`) only where an id is meant. */
  ids: ReadonlyMap<string, string>
  /** Base URL of the backend, `http://host:port` or `http://host/base`: absolute URLs below it become the gateway's. */
  upstreamOrigin: string
  /** Where the client reached the gateway. */
  gatewayOrigin: string
  /** The answer is an error in the backend's own words: nothing is left out of it. */
  isError?: boolean
  /**
   * Gateway path (`/…`, sealed) for a file of the backend's that is at no path of a job. Asked only where the wire
   * names a finished file in a good answer, since the client may have written any other URL. Given is its path below
   * `upstreamOrigin`, as the URL spells it, without its query, which stays behind the result. Ids are replaced in
   * the result too, so only its first piece can tell which file is meant. Missing: such paths stay.
   */
  fileUrl?: (upstreamPath: string) => string
}

export interface UpstreamCall {
  method: string
  path: string
  headers?: Record<string, string>
}

export interface Protocol {
  readonly name: string
  /** False for plain HTTP: no ids, no ledger; status and latency are the call's. */
  readonly hasJobs: boolean
  /** Client headers that this wire needs beyond the common allow-list, in lower case. */
  readonly requestHeaders: readonly string[]
  /** Never throws: what it does not know is `other`. */
  route(method: string, path: string): Route
  /** Throws SluiceError `malformed_body` or `unsupported_media_type` with where and what. */
  readSubmission(bytes: Uint8Array<ArrayBuffer>, contentType: string | null, route: Route): Submission
  /** The job in an answer of this HTTP status, or null where there is none. */
  readJob(status: number, body: unknown): JobSight | null
  /**
   * Backend ids of all that later requests can name, whether it has a status or not: the job itself,
   * the one that it came from, a character, the items of a list. Each once; never throws.
   */
  readIds(body: unknown): string[]
  /**
   * An answer's text with every place that holds an id or a URL of the backend rewritten, and server paths left
   * out of it; all else byte for byte, and the very same text where nothing is to change. Never throws.
   */
  translate(text: string, translation: Translation): string
  /** The same for a header that names jobs or addresses, such as Location. `name` in lower case. */
  translateHeader(name: string, value: string, translation: Translation): string
  listQuery(query: URLSearchParams): ListQuery
  /** The caller's own jobs, already translated, as this protocol's list. */
  listAnswer(jobs: unknown[], more: boolean): unknown
  /** A job that its backend is not asked for now: what is known of it, under way where no end is. `submittedAt` in unix ms. */
  placeholder(clientId: string, submittedAt: number, end?: JobEnd | null): unknown
  /** How the ledger asks for a job by itself, and how it stops one; null where the wire can't. `prefix`: of its submit's route. */
  pollCall(upstreamId: string, prefix: string): UpstreamCall
  cancelCall(upstreamId: string, prefix: string): UpstreamCall | null
  /** Where the finished video is; null where only the job's own answer tells. */
  contentCall(upstreamId: string, prefix: string): UpstreamCall | null
  /** Whether a download with this query asks for the video itself, and not for a picture of it, say. */
  asksForVideo(query: URLSearchParams): boolean
  /** Whether a good answer of this content type (null: none was given) can be a finished job's video. */
  isVideoType(contentType: string | null): boolean
}

/** A refusal's details for one place in a body. */
export function at(path: string, code: string, message: string): ErrorDetail[] {
  return [detail(path, code, message)]
}
