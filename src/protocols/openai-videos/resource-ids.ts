/** Which ids in an answer name something that a later request can ask for. Says nothing of how it stands. */
import { isObject } from '../answer-json.ts'
import { isResourceId } from '../resource-id.ts'

/** Of a job (its own and the one it was remixed from), a character, or each item of a list; each once, in their order. */
export function readResourceIds(body: unknown): string[] {
  if (!isObject(body)) return []
  const items = Array.isArray(body['data']) ? body['data'].filter(isObject) : []
  const named = [body, ...items].flatMap((each) => [each['id'], each['remixed_from_video_id']])
  return [...new Set(named.filter(isResourceId))]
}
