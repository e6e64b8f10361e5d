/**
 * Which release takes a request: by path, by the job that it names, by the model that its body names;
 * the first that matches, in the order of the variables' names. Reads a submit's body, once.
 * Method and path alone tell the operation, so that the rate limit is asked before anything is read or looked up.
 */
import { SluiceError } from '../core/errors.ts'
import { isTagged } from '../core/job-id.ts'
import type { JobList, Route } from '../protocols/protocol.ts'
import type { NamedJobs, Submission } from '../protocols/submit.ts'
import type { Exchange } from './exchange.ts'
import { hasJobs, type JobRuntime, type ReleaseRuntime, type JobRuntimes } from './isolate.ts'
import { FILE_ROUTE, fileOf, outputOf, type OwnedJob, resolveFile, resolveJob } from './owned-job.ts'
import { locateJob } from './rescue.ts'
import { isUpgrade } from './socket.ts'
import type { Subject } from './subject.ts'
import { readUpload } from './upload.ts'

/** Jobs that a submit refers to (remix, extension, edit): they decide its arm, and their ids are opened for the backend. */
export interface Referred {
  /** The job that decides release and arm; null where the submit stands for itself. */
  owner: OwnedJob | null
  /** Client id → backend id. */
  ids: ReadonlyMap<string, string>
}

/** What is wrong with a body as one wire reads it. */
const ABOUT_BODY: ReadonlySet<string> = new Set(['malformed_body', 'unsupported_media_type'])

const NO_JOBS: Referred = { owner: null, ids: new Map() }

export type Choice =
  | (Offer<JobRuntime> & { kind: 'submit'; submission: Submission; referred: Referred })
  | (Offer<JobRuntime> & { kind: 'job'; job: OwnedJob })
  /** A request about several jobs, each of which becomes one of its own. */
  | (Offer<JobRuntime> & { kind: 'jobs'; named: NamedJobs; runtimes: JobRuntime[] })
  /** A WebSocket, on which jobs of all of `runtimes` are told of. */
  | (Offer<JobRuntime> & { kind: 'socket'; runtimes: JobRuntime[] })
  /** `list`: how the first of `runtimes` words it. */
  | (Offer<JobRuntime> & { kind: 'list'; runtimes: JobRuntime[]; list: JobList })
  /** `bytes`: the body, where it had to be read to find that no release with jobs takes it. */
  | (Offer & { kind: 'other'; bytes: Uint8Array<ArrayBuffer> | null })

/** A release whose path matches, and what its protocol makes of the request. */
interface Offer<L extends ReleaseRuntime = ReleaseRuntime> {
  runtime: L
  route: Route
}

export async function selectRelease(ctx: Exchange, subject: Subject): Promise<Choice> {
  const offers = offersFor(ctx)
  const file = fileOf(ctx, subject, offers)
  if (file) {
    await admit(ctx, FILE_ROUTE, subject)
    return { kind: 'job', runtime: file.runtime, route: FILE_ROUTE, job: file }
  }
  if (offers.length === 0) noRelease(ctx)
  const ofJobs = offers.filter((offer): offer is Offer<JobRuntime> => hasJobs(offer.runtime))
  const withJobs = ofJobs.map(({ runtime }) => runtime)
  const byQuery = ofJobs.find(({ route }) => route.file)?.route.file
  if (byQuery) {
    await admit(ctx, FILE_ROUTE, subject)
    const { job, route } = outputOf(resolveFile(ctx, withJobs, byQuery.id, subject), byQuery.search)
    return { kind: 'job', runtime: job.runtime, route, job }
  }
  const about = offers.find(({ route }) => route.job !== null && route.body !== 'submission')
  if (about && (isTagged(about.route.job!) || isFirst(about, offers))) {
    await admit(ctx, about.route, subject)
    const job = await resolveJob(ctx, withJobs, about.route.job!, subject)
    return { kind: 'job', runtime: job.runtime, route: routeOf(ofJobs, job.runtime), job }
  }
  const sockets = isUpgrade(ctx) ? ofJobs.filter(({ route }) => route.answer === 'socket') : []
  const socket = sockets.find(takesAnyModel) ?? sockets[0]
  if (socket && isFirst(sockets[0]!, offers)) {
    await admit(ctx, socket.route, subject)
    return { kind: 'socket', ...socket, runtimes: sockets.map(({ runtime }) => runtime) }
  }
  const namings = ofJobs.filter(({ route }) => route.body === 'jobs')
  const [naming] = namings
  if (naming && isFirst(naming, offers)) {
    await admit(ctx, naming.route, subject)
    const sent = { bytes: await readUpload(ctx), contentType: ctx.headers.get('content-type'), search: '' }
    return {
      kind: 'jobs',
      ...naming,
      named: naming.runtime.protocol.readNamedJobs!(sent, naming.route),
      runtimes: namings.map(({ runtime }) => runtime),
    }
  }
  const lists = ofJobs.filter(({ route }) => route.operation === 'list')
  const [first] = lists
  const general = lists.find(takesAnyModel) ?? first
  const list = general?.runtime.protocol.list
  if (first && general && list && isFirst(first, offers)) {
    await admit(ctx, first.route, subject)
    const runtimes = [general.runtime, ...lists.map(({ runtime }) => runtime).filter((l) => l !== general.runtime)]
    return { kind: 'list', ...general, runtimes, list }
  }
  const submit = offers.find(({ route }) => route.body === 'submission')
  const offer = submit && isFirst(submit, offers) ? submit : (offers.find(takesAnyModel) ?? offers[0]!)
  await admit(ctx, offer.route, subject)
  return offer === submit ? selectForBody(ctx, offers, withJobs, subject) : other(offer, null)
}

/** Which release a preflight is about, as far as its path tells; throws `not_found`. */
export function runtimeOfPath(ctx: Exchange): Offer {
  const offers = offersFor(ctx)
  return offers.find(takesAnyModel) ?? offers[0] ?? noRelease(ctx)
}

function noRelease(ctx: Exchange): never {
  throw new SluiceError('not_found', `no release serves ${ctx.url.pathname}: none has it under match.paths`)
}

/** Charges the subject with this operation, once a request, whichever release then serves it. Throws `rate_limited`. */
function admit(ctx: Exchange, { operation }: Route, subject: Subject): void | Promise<void> {
  ctx.log['operation'] = operation
  return ctx.isolate.rateLimiter.admit(operation, subject.key, ctx.isolate.env, ctx.isolate.deps.now)
}

/** Whether no release before it takes requests of any kind: a catch-all named first keeps what is its. */
function isFirst(offer: Offer, offers: readonly Offer[]): boolean {
  const before = offers.slice(0, offers.indexOf(offer))
  return !before.some((each) => takesAnyModel(each) && !hasJobs(each.runtime))
}

async function selectForBody(
  ctx: Exchange,
  offers: readonly Offer[],
  withJobs: JobRuntimes,
  subject: Subject,
): Promise<Choice> {
  let bytes: Uint8Array<ArrayBuffer> | null = null
  let refused: unknown = null
  let model: string | null = null
  for (const offer of offers) {
    const { runtime, route } = offer
    if (route.body !== 'submission' || !hasJobs(runtime)) {
      if (takesAnyModel(offer)) return other(offer, bytes)
      continue
    }
    bytes ??= await readUpload(ctx)
    try {
      const contentType = ctx.headers.get('content-type')
      const submission = runtime.protocol.readSubmission({ bytes, contentType, search: ctx.url.search }, route)
      const isAlone = route.job === null && submission.jobs.length === 0
      const referred = isAlone ? NO_JOBS : await referredJobs(ctx, withJobs, route, submission, subject)
      if (referred.owner) {
        const owner = referred.owner.runtime
        return { kind: 'submit', runtime: owner, route: routeOf(offers, owner), submission, referred }
      }
      model = submission.model
      if (takesModel(runtime, model)) return { kind: 'submit', runtime, route, submission, referred }
    } catch (error) {
      // A release for certain models does not take what names none; another may.
      const isAboutBody = error instanceof SluiceError && ABOUT_BODY.has(error.code)
      if (takesAnyModel(offer) || !isAboutBody) throw error
      refused ??= error
    }
  }
  throw refused ?? new SluiceError('not_found', `no release serves the model ${JSON.stringify(model)}`)
}

/** All must be of one backend, since none knows another's jobs. Throws `job_not_found` as a poll would. */
async function referredJobs(
  ctx: Exchange,
  runtimes: JobRuntimes,
  route: Route,
  submission: Submission,
  subject: Subject,
): Promise<Referred> {
  const clientIds = new Set([...(route.job === null ? [] : [route.job]), ...submission.jobs])
  const ids = new Map<string, string>()
  let owner: OwnedJob | null = null
  for (const clientId of clientIds) {
    // One that was rescued is control's by now.
    const job = await locateJob(await resolveJob(ctx, runtimes, clientId, subject), route)
    ids.set(clientId, job.upstreamId)
    if (owner && (owner.runtime !== job.runtime || owner.arm !== job.arm || owner.replica !== job.replica))
      throw new SluiceError('invalid_request', 'the jobs referred to are not on the same backend')
    owner = job
  }
  return { owner, ids }
}

function other({ runtime, route }: Offer, bytes: Uint8Array<ArrayBuffer> | null): Choice {
  return { kind: 'other', runtime, route, bytes }
}

function offersFor(ctx: Exchange): Offer[] {
  const { method } = ctx
  const path = ctx.url.pathname
  return ctx.isolate.runtimes
    .filter(({ release }) => pathMatches(release.match.paths, path))
    .map((runtime) => ({ runtime, route: runtime.protocol.route(method, path, ctx.url.search) }))
}

function routeOf(offers: readonly Offer[], runtime: ReleaseRuntime): Route {
  return offers.find((offer) => offer.runtime === runtime)!.route
}

function takesAnyModel({ runtime }: Offer): boolean {
  return runtime.release.match.models === null
}

function takesModel({ release }: ReleaseRuntime, model: string | null): boolean {
  const { models } = release.match
  return models === null || (model !== null && models.includes(model))
}

function pathMatches(paths: readonly string[] | null, path: string): boolean {
  const isBelow = (prefix: string) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
  return paths === null || paths.some(isBelow)
}
