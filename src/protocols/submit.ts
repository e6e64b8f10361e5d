/** A submit as adapters read it, and as they rebuild it for an arm. */

/** A submit's body, and what else of the request the wire may look into. */
export interface SubmitBody {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string | null
  /** The query with its question mark; '' where there is none. */
  search: string
}

/** What a submit says of its video; null where it does not. */
export interface Facts {
  promptChars: number | null
  durationSeconds: number | null
  /** frames × pixels, where the request names both. */
  work: number | null
}

/** A submit read once. Rebuilding never re-reads the network; the bytes are shared. */
export interface Submission extends Facts {
  /** Of the body as it was sent. */
  byteLength: number
  model: string | null
  /** Client-side ids of jobs that this one refers to (remix, extension, edit). */
  jobs: string[]
  /** The id that its client has chosen for the job, and goes by whatever the answer says; missing where it chose none. */
  chosenId?: string
  /** Equal for equal requests, whatever the multipart boundary. Hex. */
  fingerprint: string
  rebuild(target: RebuildTarget): RebuiltSubmit
}

/** The whole request for one arm, but its headers. */
export interface RebuiltSubmit {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
  /** With the query. */
  path: string
}

export interface RebuildTarget {
  /** The arm's model name; null leaves the client's. */
  model: string | null
  /** Client id → backend id, for the job in the path and each of `Submission.jobs`. */
  jobIds: ReadonlyMap<string, string>
  /** A copy for the shadow: without webhooks, storage targets and user ids. */
  shadow: boolean
  /** Who sends it, as a wire that has names for its callers may write it; missing for a copy. */
  caller?: string
  /** What stands in place of the URL where the client wants to be called; throws where it may not be. Missing: the client's. */
  webhook?: ((url: string) => string) | undefined
}

/** The jobs that a body names, and the same request about one of them. */
export interface NamedJobs {
  /** Client ids; `own`: all of the caller's that go on. */
  jobs: string[] | 'own'
  /** `job`: as the backend calls it. */
  bodyFor: (job: string) => string
  /** A backend without the job may do it to another one. */
  mayHitOthers: boolean
}
