/**
 * A request whose body names jobs, such as ComfyUI's `{"delete": […]}`: each job becomes a request of its own to the arm
 * that owns it, since two of them may be at two backends, and a backend can't tell whose they are.
 */
import { SluiceError } from '../core/errors.ts'
import type { Route } from '../protocols/protocol.ts'
import { answer, errorAnswer } from './answer.ts'
import { ReceivedHeaders } from './asked.ts'
import type { Exchange } from './exchange.ts'
import { goesOn } from './job-result.ts'
import { openJobs } from './list.ts'
import { type OwnedJob, ownedJob, placesOf, resolveJob } from './owned-job.ts'
import type { Choice } from './select-release.ts'
import type { Subject } from './subject.ts'

/** Of a request that means all of its caller's jobs: the newest ones that go on. */
const MAX_OWN = 20
/** Each costs a call. */
const MAX_NAMED = 50

/** `about` serves one of them. Throws `job_not_found` before anything is sent where one of them is not the caller's. */
export async function aboutNamed(
  ctx: Exchange,
  { runtime, route, named: { jobs, bodyFor, mayHitOthers }, runtimes }: Extract<Choice, { kind: 'jobs' }>,
  subject: Subject,
  about: (ctx: Exchange, route: Route, job: OwnedJob) => Promise<Response>,
): Promise<Response> {
  if (jobs.length > MAX_NAMED)
    throw new SluiceError(
      'invalid_request',
      `a request may name up to ${MAX_NAMED} jobs, and this one names ${jobs.length}`,
    )
  const found: OwnedJob[] =
    jobs === 'own'
      ? (await openJobs(runtimes, subject, MAX_OWN)).map((own) => ownedJob(own.runtime, own.job))
      : await Promise.all(jobs.map((id) => resolveJob(ctx, runtimes, id, subject)))
  // No answer tells whether the job was there, so that one which nobody has recorded is named wherever it may be.
  const places = found.flatMap((job) => (job.holder === null ? [job, ...placesOf(job, false)] : [job]))
  let answered = null as Response | null
  const ask = async (job: OwnedJob): Promise<void> => {
    const { clientId, upstreamId } = job
    if (mayHitOthers && job.holder === null && (await goesOn({ ctx, route, job })) === false) return
    const request = new Request(ctx.url.href, { method: ctx.method, body: bodyFor(upstreamId) })
    const own: Exchange = { ...ctx, request, headers: ctx.headers.without('content-length') }
    const next = await about(own, { ...route, job: clientId, body: 'stream' }, job).catch((error: unknown) =>
      errorAnswer(error, own, own),
    )
    // What went wrong with one of them is not to be overlooked.
    const isKept = answered !== null && !answered.ok
    const other = isKept ? next : answered
    if (!isKept) answered = next
    await other?.body?.cancel()
  }
  // A backend that hangs or is gone keeps no other from being asked.
  const ofEach = Map.groupBy(places, ({ arm, replica }) => `${arm} ${replica}`)
  const all = [...ofEach.values()].map(async (ofOne) => {
    for (const job of ofOne) await ask(job)
  })
  await Promise.all(all)
  if (answered) return answered
  const decided = { runtime, snapshot: null, routed: { arm: 'control' as const, reason: 'job' as const } }
  return answer(ctx, decided, { status: 200, headers: new ReceivedHeaders(new Map()), body: null })
}
