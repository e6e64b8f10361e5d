/**
 * Alibaba's Model Studio (DashScope): a submit is asynchronous by a header, all jobs stand below one path, and a
 * finished video is at an address that the job's own answer tells.
 */
import { dashscopeSubmitError, outputOf, readDashscopeJob } from './dashscope/job.ts'
import { jobPath, routeDashscope } from './dashscope/routes.ts'
import { readDashscopeSubmit } from './dashscope/submit.ts'
import type { JobProtocol, ListQuery, ShownJob } from './protocol.ts'
import { idsAt } from './resource-id.ts'
import { positive } from './submission/facts.ts'
import { translateAnswer, translateText } from './translate.ts'
import { msOf } from './wall-clock.ts'
import { isVideoType } from './video-answer.ts'

/** Model Studio's clocks show China's time, without saying so. */
const ZONE_MS = 8 * 3_600_000
const PAGE_SIZE = 10
const MAX_PAGE_SIZE = 100

const words = {
  readPath: (path: string) => routeDashscope('GET', path),
  // Some models put their results one level deeper.
  holdsFile: ([first, ...below]: readonly string[]) => first === 'output' && FILES.has(below.join('.')),
}
const FILES = new Set(['video_url', 'results.video_url', 'results.url'])

export const dashscope: JobProtocol = {
  kind: 'jobs',
  name: 'dashscope',
  authScheme: 'Bearer',
  requestHeaders: [
    'x-dashscope-async',
    'x-dashscope-datainspection',
    'x-dashscope-ossresourceresolve',
    'x-dashscope-workspace',
  ],
  submitHeaders: { 'x-dashscope-async': 'enable' },
  route: routeDashscope,
  readSubmission: readDashscopeSubmit,
  readJob: readDashscopeJob,
  submitError: dashscopeSubmitError,
  readIds: (body) => idsAt(outputOf(body), 'task_id'),
  translate: (text, translation) => translateAnswer(text, translation, words),
  translateHeader: (name, value, translation) => translateText(value, translation, name, words),
  list: { query: listQuery, answer: listAnswer },
  placeholder,
  result: null,
  pollCall: ({ prefix, upstreamId }) => ({ method: 'GET', path: jobPath(prefix, upstreamId) }),
  cancelCall: ({ prefix, upstreamId }) => ({ method: 'POST', path: jobPath(prefix, upstreamId, '/cancel') }),
  contentCall: null,
  limits: {
    always: ['dashscope stops a job only while it waits: of one that runs a cancel is refused'],
    ofCopies: [
      'dashscope stops no copy that runs already: a rollback lets it run to its end',
      "dashscope counts copies against the account's quota, which both arms share where they share a key",
    ],
  },
  asksForVideo: () => true,
  isVideoType,
}

function placeholder({ clientId, submittedAt, end }: ShownJob) {
  const isFailed = end !== null && end.outcome !== 'ok'
  const code = end?.outcome === 'content_refused' ? 'DataInspectionFailed' : 'InternalError'
  return {
    output: {
      task_id: clientId,
      task_status: end === null ? 'RUNNING' : isFailed ? 'FAILED' : 'SUCCEEDED',
      submit_time: timeOf(submittedAt),
      ...(end === null ? {} : { end_time: timeOf(end.at) }),
      ...(isFailed ? { code, message: 'the job has failed; a poll of it tells why' } : {}),
    },
  }
}

function listQuery(query: URLSearchParams): ListQuery {
  const whole = (name: string) => Math.floor(positive(query.get(name)) ?? 0)
  const limit = Math.min(MAX_PAGE_SIZE, whole('page_size') || PAGE_SIZE)
  return { limit, after: null, order: 'desc', skip: (Math.max(1, whole('page_no')) - 1) * limit }
}

/** How many there are behind the page nobody has counted: `total` has one for them all. */
function listAnswer(jobs: unknown[], more: boolean, { searchParams }: URL) {
  const { limit, skip = 0 } = listQuery(searchParams)
  const page = skip / limit + 1
  const data = jobs.flatMap((job) => listItem(outputOf(job)))
  return {
    total: skip + data.length + (more ? 1 : 0),
    data,
    total_page: page + (more ? 1 : 0),
    page_no: page,
    page_size: limit,
  }
}

/** A job in a list tells its times in unix ms. */
function listItem(output: Record<string, unknown> | null) {
  if (!output) return []
  const { task_id, task_status: status, submit_time, scheduled_time, end_time } = output
  const times = { gmt_create: submit_time, start_time: scheduled_time, end_time }
  const known = Object.entries(times).flatMap(([name, time]) => {
    const ms = msOf(time) - ZONE_MS
    return Number.isNaN(ms) ? [] : [[name, ms] as const]
  })
  return [{ task_id, status, ...Object.fromEntries(known) }]
}

function timeOf(at: number): string {
  return new Date(at + ZONE_MS).toISOString().slice(0, -1).replace('T', ' ')
}
