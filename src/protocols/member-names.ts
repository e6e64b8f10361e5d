/** What members of bodies hold, told by their names alone. Which of it matters is the readers' business. */

/** The client's own words, in which an id or a field's name would be a coincidence. */
export const PROMPTS: ReadonlySet<string> = new Set(['prompt', 'negative_prompt'])

/** Paths in the backend's own file system. */
export const SERVER_PATHS: ReadonlySet<string> = new Set(['file_path', 'file_paths', 'output_path', 'output_paths'])

/** Words and numbers of the wire itself, which are no ids even where they read like one. */
const VALUES = new Set([
  ...['object', 'status', 'state', 'model', 'type', 'code', 'quality', 'media_type', 'output_format', 'progress'],
  ...[
    'seconds',
    'duration',
    'duration_s',
    'size',
    'width',
    'height',
    'resolution',
    'aspect_ratio',
    'fps',
    'num_frames',
  ],
  ...['seed', 'created', 'created_at', 'completed_at', 'expires_at'],
])
const IDS = /^(ids?|videos?|jobs?|tasks?|characters?|data)$|[_-]ids?$|[a-z]Ids?$/
const URLS = /(^|[_-])(ur[il]s?|href|location)$|[a-z]Ur[il]s?$/

export function holdsValue(name: string): boolean {
  return VALUES.has(name)
}

export function holdsId(name: string): boolean {
  return IDS.test(name)
}

/** A URL, or the path of one. */
export function holdsUrl(name: string): boolean {
  return URLS.test(name)
}
