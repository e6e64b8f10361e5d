/** What an answer's ids and URLs are to become. */

export interface Translation {
  /** Backend id → the id that the client knows. Replaced wherever it stands as a whole token, in strings and keys; a plain one (`12`, `completed`) only where an id is meant. */
  ids: ReadonlyMap<string, string>
  /** Base URL of the backend, `http://host:port` or `http://host/base`: absolute URLs below it become the gateway's. */
  upstreamOrigin: string
  /** Where the client reached the gateway. */
  gatewayOrigin: string
  /** What stands before a job's paths where the client asked: URLs of jobs are shown below it. */
  prefix: string
  /** The answer is an error in the backend's own words: nothing is left out of it. */
  isError?: boolean
  /**
   * Gateway path (`/…`, sealed) for a file of the backend's that is at no path of a job. Asked only where the wire
   * names a finished file in a good answer, since the client may have written any other URL. Given is its path below
   * `upstreamOrigin`, as the URL spells it, without its query, which stays behind the result. Ids are replaced in
   * the result too, so only its first piece can tell which file is meant. Missing: such paths stay. A wire that finds
   * its files by their query (`Route.file`) may give it, and `#` with the backend's id of the job that made the file.
   */
  fileUrl?: (upstreamPath: string) => string
  /** What the client wrote where the submit had this URL, as `RebuildTarget.webhook` put it there; null for any other. */
  webhookOf?: (url: string) => string | null
}
