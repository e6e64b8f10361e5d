/**
 * The interfaces that wire protocols fill: wires with jobs, and plain HTTP without any. An adapter names operations,
 * reads bodies and translates ids; it sends nothing and keeps nothing. Adding one touches one file and the list.
 */
import type { Operation, Outcome } from '../core/outcome.ts'
import type { NamedJobs, Submission, SubmitBody } from './submit.ts'
import type { Translation } from './translate-string.ts'

/** What method and path alone say of a request. */
export interface Route {
  operation: Operation
  /**
   * What stands before the paths of a job, as `/n` in `/n/v1/videos/ID` or the app in `/owner/app/requests/ID`; '' where
   * nothing does, or no job can come of it. A job's submit may stand elsewhere below it.
   */
  prefix: string
  /** Job id as it stands in the path, decoded: the client's on the way in. */
  job: string | null
  /**
   * `submission`: read, checked and rebuilt by the adapter. `stream`: passed on unread. `jobs`: it names jobs, each of
   * which becomes a request of its own (`readNamedJobs`).
   */
  body: 'none' | 'submission' | 'stream' | 'jobs'
  /**
   * What a good answer holds: one job's JSON, what came of a job (`result`, whose HTTP status tells how it ended), the caller's
   * list, a job's removal, other JSON with ids in it, bytes to stream, or frames of a WebSocket (`socket`).
   */
  answer: 'job' | 'result' | 'list' | 'deletion' | 'json' | 'bytes' | 'socket'
  /** The sealed id of a file that the query names; with it goes what of the query is not the file's name. */
  file?: { id: string; search: string }
  /** The backend's query, where it is not the caller's. */
  search?: string
  /**
   * Path for the backend, given its own job id (ignored where `job` is null) and the arm's model name, which some wires
   * have in the path (null: the client's). Query strings are kept by the caller.
   */
  upstreamPath: (upstreamId: string | null, model?: string | null) => string
}

/** `ended`: well or not, which only the job's result tells. */
export type JobStatus = 'queued' | 'running' | 'ended' | 'succeeded' | 'failed' | 'cancelled'

/** What a backend has answered, read as JSON. */
export interface BackendAnswer {
  status: number
  headers: Pick<Headers, 'get'>
  /** Undefined where it is no JSON. */
  body: unknown
  /** The backend's id of the job that was asked for, which some answers do not repeat; null for a submit. */
  job: string | null
}

/** A job at its backend, with all that a path to it there may name. */
export interface JobAddress {
  upstreamId: string
  /** Of its submit's route. */
  prefix: string
  /** The arm's model name; null where it takes the client's. */
  model: string | null
}

/** Characters kept of what a backend says of a failure. */
export const MESSAGE_CHARS = 500

/** A job as a backend's answer shows it. */
export interface BackendJob {
  /** The backend's id. */
  id: string
  status: JobStatus
  /**
   * Why it failed: the arm's fault (out of memory, timed out at the backend, unknown there) or the user's (refused
   * content, parameters that no model takes). Null unless `failed`.
   */
  failure: Extract<Outcome, 'job_failed' | 'job_timeout' | 'job_lost' | 'content_refused'> | null
  /** Seconds that the backend itself tells; null where it does not. */
  queueSeconds: number | null
  runSeconds: number | null
  /** Submit to end by the backend's own clock; null where it does not tell. */
  totalSeconds: number | null
}

/** A job as its client knows it, without its backend. */
export interface ShownJob {
  clientId: string
  /** Of its submit's route. */
  prefix: string
  gatewayOrigin: string
  /** Unix ms. */
  submittedAt: number
  /** Null: still under way, as far as anybody knows. */
  end: JobEnd | null
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
  /** Jobs before the page, on a wire that counts pages. */
  skip?: number
}

export interface UpstreamCall {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string
}

/** What all wires have. */
interface Wire {
  readonly name: string
  /** What stands before an arm's own token in its Authorization header; '' for nothing. */
  readonly authScheme: string
  /** Client headers that this wire needs beyond the common allow-list, in lower case. */
  readonly requestHeaders: readonly string[]
  /** Never throws: what it does not know is `other`. `search`: the query with its question mark, or ''. */
  route(method: string, path: string, search?: string): Route
  /** A header's value that names jobs or addresses, such as Location, rewritten for the client. `name` in lower case. */
  translateHeader(name: string, value: string, translation: Translation): string
}

/** A wire without jobs: bodies and answers pass unread, each route is `other`. Status and latency are the call's. */
export interface HttpProtocol extends Wire {
  readonly kind: 'http'
}

/** How a wire lists its caller's jobs. */
export interface JobList {
  query(query: URLSearchParams): ListQuery
  /** The caller's own jobs, already translated, as this protocol's list. `asked`: the URL that the client asked. */
  answer(jobs: unknown[], more: boolean, asked: URL): unknown
  /** A job of such a list by what is known here alone; missing or null where a poll's answer shows it. */
  ofKnown?: (asked: URL) => ((job: ShownJob) => unknown) | null
}

/** What a message on a backend's WebSocket tells. */
export interface SocketMessage {
  /** The backend's id of the job that it is about; null where it is about none. */
  job: string | null
  /** The job, where the message shows its end. */
  backendJob: BackendJob | null
}

/** A WebSocket on which a backend tells a caller, under a name that the caller chose, how its jobs go on. */
export interface JobSocket {
  /** The query for a backend, with the caller's own name in it. */
  search(search: string, caller: string): string
  /** Of a text frame, or of the JSON that a binary one holds. Never throws. */
  read(message: string): SocketMessage
  /** The JSON in a binary frame; null where it holds none. Never throws. */
  openFrame(frame: Uint8Array): BinaryFrame | null
}

export interface BinaryFrame {
  text: string
  /** The frame with another text in its place; the very same where that is no other. */
  withText: (text: string) => Uint8Array
}

/** Where a wire tells how a job ended, if its status only says that it has. */
export interface JobResult {
  call(job: JobAddress): UpstreamCall
  /** Null where the answer tells nothing. Never throws. */
  read(answer: BackendAnswer): BackendJob | null
  /** What its client reads of a job that goes on. */
  readonly pending: { status: number; body: unknown }
}

/**
 * A wire of jobs: a submit makes one, and later requests name it. What is missing the wire does not offer: `config check`
 * tells what follows.
 */
export interface JobProtocol extends Wire {
  readonly kind: 'jobs'
  /** Headers, in lower case, that a submit must have; for those that Sluice makes by itself. */
  readonly submitHeaders?: Readonly<Record<string, string>>
  /** Throws SluiceError `malformed_body` or `unsupported_media_type` with where and what. */
  readSubmission(body: SubmitBody, route: Route): Submission
  /** The job in an answer, or null where there is none. Never throws. */
  readJob(answer: BackendAnswer): BackendJob | null
  /** Whether the good answer to a poll or a cancel is also what a backend gives that has no such job; missing where none is. Never throws. */
  mayLackJob?: (answer: BackendAnswer) => boolean
  /** What an error in answer to a submit is, where its status doesn't tell, as a full queue under 503; null: by the status. Never throws. */
  submitError?: (answer: BackendAnswer) => 'saturated' | 'client_error' | 'content_refused' | null
  /** What the answer to a cancel says of it, where its status doesn't: taken by an error, or refused by a good answer. Never throws. */
  cancelSays?: (answer: BackendAnswer) => 'taken' | 'refused' | null
  /** What to ask after a good answer to a cancel that is the same whether the job was stopped or goes on; missing where the answer tells. */
  readonly cancelCheck?: {
    call(job: JobAddress): UpstreamCall
    /** Never throws. */
    goesOn(answer: BackendAnswer): boolean
  }
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
  /** Missing where no route of this wire is a `list`. */
  readonly list?: JobList
  /** A job that its backend is not asked for now, in the shape of a poll's answer. */
  placeholder(job: ShownJob): unknown
  /** Missing where polls tell how a job ended. */
  readonly result?: JobResult | undefined
  /** How the ledger asks for a job by itself. */
  pollCall(job: JobAddress): UpstreamCall
  /** The jobs that the body of a `jobs` route names; missing where there is no such route. Throws `malformed_body`. */
  readNamedJobs?(body: SubmitBody, route: Route): NamedJobs
  /** What the client of a repeated submit reads of the job that the first one made; missing where a poll says the same. */
  submitted?(clientId: string): unknown
  /** Missing where no route of this wire is a `socket`. */
  readonly socket?: JobSocket
  /** How the ledger stops a job; missing where the wire can't. */
  readonly cancelCall?: ((job: JobAddress) => UpstreamCall) | undefined
  /** Where the finished video is; missing where only the job's own answer tells. */
  readonly contentCall?: ((job: JobAddress) => UpstreamCall) | undefined
  /** What else this wire lets nobody do, each a sentence for `config check`; `ofCopies`: where submits are copied. */
  readonly limits?: { always: readonly string[]; ofCopies: readonly string[] }
  /**
   * The job in what a backend sends to a client's webhook, with its end where it tells one; null where there is none.
   * Never throws. Missing where the wire has no webhooks that are set by a submit.
   */
  readonly readWebhook?: (body: unknown) => BackendJob | null
  /** Whether a download with this query asks for the video itself, and not for a picture of it, say; missing: each does. */
  asksForVideo?(query: URLSearchParams): boolean
  /** A finished job's files may be of any type, not videos alone. */
  readonly makesAnyFile?: true
}

export type Protocol = JobProtocol | HttpProtocol
