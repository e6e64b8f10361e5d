/** What a backend that is a function takes and gives, wherever it is served. */

export interface PlainRequest {
  method: string
  /** As its sender reached this server: the URLs in an answer begin alike. */
  url: URL
  headers: Headers
  body: string
}

export interface PlainAnswer {
  status: number
  headers: Record<string, string>
  body: unknown
  /** A file instead of a body. */
  file?: Uint8Array
}
