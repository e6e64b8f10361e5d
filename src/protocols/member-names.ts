/** What members of bodies hold, told by their names alone. Which of it matters is the readers' business. */

/** The client's own words, in which an id or a field's name would be a coincidence. */
export const PROMPTS: ReadonlySet<string> = new Set(['prompt', 'negative_prompt', 'orig_prompt', 'actual_prompt'])

/** Paths in the backend's own file system. */
export const SERVER_PATHS: ReadonlySet<string> = new Set([
  ...['file_path', 'file_paths', 'output_path', 'output_paths', 'save_result_path'],
])

/** Words and numbers of the wire itself, which are no ids even where they read like one. */
export const VALUES: ReadonlySet<string> = new Set([
  ...['object', 'status', 'state', 'model', 'type', 'code', 'quality', 'media_type', 'output_format', 'progress'],
  ...['seconds', 'duration', 'duration_s', 'size', 'width', 'height', 'resolution', 'aspect_ratio', 'fps'],
  ...['num_frames', 'seed', 'created', 'created_at', 'completed_at', 'expires_at'],
])
const MAX_ID_NAME_CHARS = 100
const IDS = /^(ids?|videos?|jobs?|tasks?|characters?|data)$|[_-]ids?$|[a-z]Ids?$/
/** Where an answer of this wire holds what was made: on top, or in one of these and no deeper. */
const OUTPUT_PLACES = new Set(['data', 'videos', 'output', 'outputs', 'result'])
const OUTPUT_URLS = new Set([
  ...['url', 'video_url', 'download_url', 'thumbnail_url', 'preview_url', 'spritesheet_url', 'result_url'],
  'output_url',
])
/** Headers in which the backend itself names a finished file. In lower case. */
export const ADDRESS_HEADERS: ReadonlySet<string> = new Set(['location', 'content-location'])

/** Asked anew of each value in a list, so that a long name is not looked through: such a one promises no id. */
export function holdsId(name: string): boolean {
  return name.length <= MAX_ID_NAME_CHARS && IDS.test(name)
}

/**
 * Whether the backend itself names a finished file here, and can't be repeating the client's words. `path`: the
 * keys down to the string; lists count for nothing.
 */
export function holdsFile(path: readonly string[]): boolean {
  const [first = '', second] = path
  if (second === undefined) return first === 'urls' || OUTPUT_URLS.has(first)
  return path.length === 2 && OUTPUT_PLACES.has(first) && OUTPUT_URLS.has(second)
}
