/** Which ids in an answer name something that a later request can ask for. Says nothing of how it stands. */

/** What is longer is no id. */
const MAX_ID_CHARS = 512

/** Of a job (its own and the one it was remixed from), a character, or each item of a list; each once, in their order. */
export function readResourceIds(body: unknown): string[] {
  if (!isObject(body)) return []
  const items = Array.isArray(body['data']) ? body['data'].filter(isObject) : []
  const named = [body, ...items].flatMap((each) => [each['id'], each['remixed_from_video_id']])
  return [...new Set(named.filter(isResourceId))]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** A job's or another resource's: a string that can be one segment of a path. */
export function isResourceId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length >= 1 &&
    value.length <= MAX_ID_CHARS &&
    value !== '.' &&
    value !== '..' &&
    value.isWellFormed()
  )
}
