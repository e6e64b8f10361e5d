/** The table `wire` of a release whose protocol is `jobs`: where a backend's paths lead, and where its answers say what. */
import * as v from 'valibot'
import { across, explained, isTable, list, oneOrMany, table } from './fields.ts'
import { fault } from './issue-words.ts'

const PATH = fault(
  'not_wire_path',
  'a path is needed like "/v2/{model}/status/{id}": each of {id} and {model} once at most, as a whole segment',
)
/** Segments of plain characters, or a place for the id or the model. */
const SEGMENTS = /^(\/(?:[\w.~!$&'()*+,;=:@-]+|\{id\}|\{model\}))+$/
const METHOD = /^(GET|POST|PUT|PATCH|DELETE) /
const ID = '{id}'
const MODEL = '{model}'

const path = v.pipe(v.string(PATH), v.check(isPath, PATH))
const NO_ID = fault('wire_path_without_id', 'this path needs {id}, the place of the job in it')
const pathOfJob = v.pipe(
  path,
  v.check((text) => text.includes(ID), NO_ID),
)
/** `POST /…`, or only the path. */
const callOfJob = v.pipe(
  v.string(PATH),
  v.check((text) => isPath(text.replace(METHOD, '')), PATH),
  v.check((text) => text.includes(ID), NO_ID),
)
function isPath(text: string): boolean {
  const isPlain = text.length <= 500 && SEGMENTS.test(text) && !/\/\.{1,2}(\/|$)/.test(text)
  return isPlain && [ID, MODEL].every((place) => text.split(place).length <= 2)
}

const PLACE = fault(
  'not_wire_place',
  'a place in an answer is written like output.task_id, data.0.url or as a JSON pointer like /output/task_id',
)
/** Where something stands in JSON: as keys joined by dots, or as a JSON pointer (RFC 6901). */
const place = v.pipe(
  v.string(PLACE),
  v.maxLength(300),
  v.check((text) => keysOf(text).length <= 10 && keysOf(text).every((key) => key !== ''), PLACE),
)
const places = v.pipe(
  oneOrMany,
  v.check((given) => given.length <= 10 && given.every((text) => v.is(place, text)), PLACE),
  v.transform((given) => given.map(keysOf)),
)
const keys = v.pipe(
  place,
  v.transform((text): readonly string[] => keysOf(text)),
)

function keysOf(text: string): string[] {
  if (!text.startsWith('/')) return text.split('.')
  return text
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const words = v.pipe(
  oneOrMany,
  v.check(
    (given) => given.length <= 30 && given.every((word) => word.length >= 1 && word.length <= 100),
    fault('not_wire_words', 'up to 30 words are needed, each of 1 to 100 characters'),
  ),
)

/** Never a client's to send on. */
const OWN_HEADERS = /^(authorization|cookie|host|content-length|connection|transfer-encoding|x-sluice-.*|cf-.*)$/
const header = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.check(
    (name) => /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name) && !OWN_HEADERS.test(name),
    fault('not_wire_header', 'no header that a client may send on'),
  ),
)

const STATUSES = [
  'queued',
  'running',
  'ended',
  'succeeded',
  'failed',
  'refused',
  'timed_out',
  'lost',
  'cancelled',
] as const
export type DeclaredStatus = (typeof STATUSES)[number]

const statuses = v.pipe(
  table(v.entriesFromList(STATUSES, v.optional(words))),
  explained((given) => {
    const all = STATUSES.flatMap((status) => (given[status] as unknown[] | undefined) ?? []).map((word) =>
      String(word).toLowerCase(),
    )
    const twice = all.find((word, i) => all.indexOf(word) < i)
    if (twice === undefined) return null
    return fault('wire_word_twice', `"${twice}" stands for two statuses`, { word: twice })
  }),
  across(
    (given) => given.succeeded !== undefined || given.ended !== undefined,
    fault('wire_no_end', 'no job ever succeeds: name the words under succeeded, or under ended with a result path'),
  ),
)

const failures = table(v.entriesFromList(['refused', 'timed_out', 'lost'], v.optional(words)))

const wireTable = table({
  submit: v.pipe(
    oneOrMany,
    v.check((given) => given.length <= 10, fault('not_wire_words', 'up to 10 paths are allowed')),
    v.check((given) => given.every((each) => v.is(path, each)), PATH),
    v.check(
      (given) => given.every((each) => !each.includes(ID)),
      fault('wire_submit_with_id', 'a submit has no {id} yet'),
    ),
  ),
  poll: pathOfJob,
  result: v.optional(pathOfJob),
  content: v.optional(pathOfJob),
  cancel: v.optional(callOfJob),
  also: v.optional(list(pathOfJob, 1, 10)),
  auth_scheme: v.optional(
    v.pipe(v.string(), v.regex(/^[\w-]{0,40}$/, fault('not_auth_scheme', 'one word is needed, or nothing'))),
    'Bearer',
  ),
  headers: v.optional(list(header, 1, 30), undefined),
  id: v.optional(places, 'id'),
  status: v.optional(places, 'status'),
  statuses,
  error: v.optional(places, 'error'),
  failures: v.optional(failures, {}),
  output: v.optional(places),
  queue_time: v.optional(keys),
  run_time: v.optional(keys),
  time_unit: v.optional(v.picklist(['s', 'ms']), 's'),
  model: v.optional(keys),
  prompt: v.optional(keys),
  duration: v.optional(keys),
  frames: v.optional(keys),
  fps: v.optional(keys),
  size: v.optional(keys),
})

export const wireSchema = v.pipe(
  wireTable,
  explained((given) => {
    const all = ['submit', 'poll', 'result', 'content', 'cancel', 'also'] as const
    const texts = all.flatMap((key) => given[key] ?? []).filter((text) => typeof text === 'string')
    const heads = new Set(texts.map((text) => headOf(text.replace(METHOD, ''))))
    if (heads.size < 2) return null
    return fault('wire_heads_differ', 'what stands up to {model} must be the same in all paths, or in none')
  }),
  across(
    ({ poll, result, content }) => {
      const read = [poll, result, content].filter((text) => text !== undefined)
      return new Set(read).size === read.length
    },
    fault('wire_path_twice', 'poll, result and content need a path each: one that is read says what it is for'),
  ),
  across(
    ({ result, statuses: given }) => (result !== undefined) === (isTable(given) && given['ended'] !== undefined),
    fault('wire_result', 'result and statuses.ended go together: a job that has ended is told of by its result'),
  ),
  v.transform(({ cancel, ...wire }) => ({
    ...wire,
    /** What stands before all other paths, up to the model; empty where the model is not in the path. */
    head: headOf(wire.poll),
    cancel:
      cancel === undefined ? null : { method: METHOD.exec(cancel)?.[1] ?? 'POST', path: cancel.replace(METHOD, '') },
  })),
)

function headOf(text: string): string {
  const at = text.indexOf(MODEL)
  return at < 0 ? '' : text.slice(0, at + MODEL.length)
}

export type WireSettings = v.InferOutput<typeof wireSchema>
