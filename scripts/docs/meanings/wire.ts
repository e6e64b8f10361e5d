/** What each key of the table `wire` means, in the words of docs/protocols/jobs.md; see sluice.ts. */
import type * as v from 'valibot'
import type { Reference } from './sluice.ts'
import type { wireSchema } from '../../../src/config/wire-schema.ts'

type Wire = v.InferInput<typeof wireSchema>

const PATH = 'path with `{id}`'
const PLACES = 'place, or list of places'

export const WIRE: Reference<Wire> = {
  submit: { meaning: 'paths that a `POST` makes a job at', type: 'path, or list of up to 10' },
  poll: { meaning: 'where a `GET` tells how a job stands', type: PATH },
  result: {
    meaning:
      'where a `GET` tells how a job ended, if its poll says only that it has: then it is read as soon as a poll shows a word of `statuses.ended`',
    type: PATH,
  },
  content: {
    meaning: "where a `GET` brings the finished video. Without it a copy's video is looked at nowhere",
    type: PATH,
  },
  cancel: {
    meaning: 'what cancels a job, such as `"DELETE /v1/tasks/{id}"`. Without it copies that a rollback ends run on',
    type: `method and ${PATH}; \`POST\` where no method stands`,
  },
  also: {
    meaning: 'further paths about a job: only its owner may ask there, and the id is translated',
    type: `list of 1 to 10: ${PATH}`,
  },
  auth_scheme: {
    meaning: 'what stands before an arm\'s own token in `Authorization`; `""` for the bare token',
    type: 'text',
  },
  headers: { meaning: "further headers of the client's that go to the backend", type: 'list of names, 1 to 30' },
  id: { meaning: "where the job's id stands, in the answer to a submit at least", type: PLACES },
  status: { meaning: 'where the status stands', type: PLACES },
  statuses: 'the words for each status; [see below](#statuses)',
  error: {
    meaning:
      'where the reason of a failure stands: a text, or an object of texts; what is empty, `0` or `false` is none',
    type: PLACES,
  },
  failures: 'what reasons of a failure mean; [see below](#failures)',
  output: {
    meaning: 'where an answer names the finished file: one that the backend serves itself is then read through Sluice',
    type: PLACES,
  },
  queue_time: { meaning: 'where an ended job tells how long it waited', type: 'place' },
  run_time: { meaning: 'where it tells how long it ran', type: 'place' },
  time_unit: 'of both',
  model: {
    meaning:
      "the submit's field that names the model, which an arm's `model` is written into. Not where a path has `{model}`",
    type: 'place',
  },
  prompt: { meaning: "the submit's field with the prompt, for rules by `prompt_chars`", type: 'place' },
  duration: {
    meaning: 'the field with the length of the clip, `5` or `"5s"`, for rules by `duration_seconds`',
    type: 'place',
  },
  frames: { meaning: 'the field with the number of frames', type: 'place' },
  fps: { meaning: 'the field with the frames a second; 16 where it is not sent', type: 'place' },
  size: {
    meaning: 'the field with the size, `"1280x720"` or `"720p"`; with length or frames it makes latencies comparable',
    type: 'place',
  },
}

const WORDS = 'word, or list of up to 30'

export const STATUSES: Reference<Wire['statuses']> = {
  queued: { meaning: 'waits', type: WORDS },
  running: { meaning: 'runs, as does a job with any word that is in no list', type: WORDS },
  ended: { meaning: 'has ended, well or not: `result` tells', type: WORDS },
  succeeded: { meaning: '`ok`', type: WORDS },
  failed: { meaning: '`job_failed`, or what `failures` says', type: WORDS },
  refused: { meaning: "`content_refused`: no fault of the arm's", type: WORDS },
  timed_out: { meaning: '`job_timeout`', type: WORDS },
  lost: { meaning: '`job_lost`: the backend knows it no more', type: WORDS },
  cancelled: { meaning: '`cancelled`, which nobody is blamed for', type: WORDS },
}

export const FAILURES: Reference<NonNullable<Wire['failures']>> = {
  refused: { meaning: 'counts as `content_refused`', type: WORDS },
  timed_out: { meaning: 'counts as `job_timeout`', type: WORDS },
  lost: { meaning: 'counts as `job_lost`', type: WORDS },
}
