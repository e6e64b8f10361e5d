/** The one error of Sluice: a closed list of codes with HTTP status and `type`. Rendering it is the callers' work. */

type ErrorType = `${'invalid_request' | 'authentication' | 'permission' | 'rate_limit' | 'server'}_error`

const TABLE = {
  invalid_request: [400, 'invalid_request_error'],
  malformed_body: [400, 'invalid_request_error'],
  override_not_allowed: [403, 'permission_error'],
  unauthenticated: [401, 'authentication_error'],
  forbidden: [403, 'permission_error'],
  origin_mismatch: [403, 'permission_error'],
  not_found: [404, 'invalid_request_error'],
  release_not_found: [404, 'invalid_request_error'],
  job_not_found: [404, 'invalid_request_error'],
  change_not_found: [404, 'invalid_request_error'],
  method_not_allowed: [405, 'invalid_request_error'],
  request_timeout: [408, 'invalid_request_error'],
  illegal_transition: [409, 'invalid_request_error'],
  blocked: [409, 'invalid_request_error'],
  review_required: [409, 'invalid_request_error'],
  not_author: [409, 'invalid_request_error'],
  change_stale: [409, 'invalid_request_error'],
  change_closed: [409, 'invalid_request_error'],
  idempotency_in_flight: [409, 'invalid_request_error'],
  idempotency_not_repeatable: [409, 'invalid_request_error'],
  idempotency_outcome_unknown: [409, 'invalid_request_error'],
  version_mismatch: [412, 'invalid_request_error'],
  body_too_large: [413, 'invalid_request_error'],
  unsupported_media_type: [415, 'invalid_request_error'],
  idempotency_mismatch: [422, 'invalid_request_error'],
  rate_limited: [429, 'rate_limit_error'],
  internal: [500, 'server_error'],
  upstream_unreachable: [502, 'server_error'],
  upstream_invalid: [502, 'server_error'],
  config_invalid: [503, 'server_error'],
  auth_not_configured: [503, 'server_error'],
  identity_unavailable: [503, 'server_error'],
  control_plane_unavailable: [503, 'server_error'],
  upstream_timeout: [504, 'server_error'],
} as const satisfies Record<string, readonly [number, ErrorType]>

export type ErrorCode = keyof typeof TABLE
export const ERROR_CODES = Object.keys(TABLE) as ErrorCode[]

/** One thing that was wrong, and where. */
export interface ErrorDetail {
  /** A dotted key, or a row number of a batch; empty for the whole. */
  path: string
  /** For people. Programs read `code` and `params`. */
  message: string
  /** What is wrong with it, such as `not_duration`, `at_most`, `unknown_key`. */
  code: string
  params: DetailParams
}
/** What the message is made with, by name: bounds, choices, and as `given` the value itself. */
export type DetailParams = Readonly<Record<string, string | number>>

export function detail(path: string, code: string, message: string, params: DetailParams = {}): ErrorDetail {
  return { path, message, code, params }
}

export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  readonly code: ErrorCode
  readonly details: ErrorDetail[]
  /** Response headers that belong to this refusal, such as `retry-after`. */
  readonly headers: Record<string, string>

  constructor(
    code: ErrorCode,
    message: string,
    more: { details?: ErrorDetail[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.code = code
    this.details = more.details ?? []
    this.headers = more.headers ?? {}
  }

  get status(): number {
    return TABLE[this.code][0]
  }

  /** What every Sluice error is answered with, on both planes. */
  body(requestId: string) {
    const [first] = this.details
    return {
      error: {
        code: this.code,
        message: this.message,
        type: TABLE[this.code][1],
        // A detail of the whole body has no path.
        param: first?.path || null,
        request_id: requestId,
        details: this.details,
        /** Where the project's docs tell what the code means and what to do. */
        docs: `docs/errors.md#${this.code}`,
      },
    }
  }
}

/** What became of a call whose refusal or failure is no failure of the whole, as a value. Bugs are thrown on. */
export async function asValue<T>(call: () => Promise<T>): Promise<{ value: T } | { error: SluiceError }> {
  try {
    return { value: await call() }
  } catch (error) {
    if (error instanceof SluiceError) return { error }
    throw error
  }
}
