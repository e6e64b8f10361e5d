/**
 * Which release takes a request: by path, by the job that it names, by the model that its body names;
 * the first that matches, in the order of the variables' names. Reads a submit's body, once.
 * Method and path alone tell the operation, so that the rate limit is asked before anything is read or looked up.
 */
import { SluiceError } from '../core/errors.ts'
import { isTagged } from '../core/job-id.ts'
import type { JobList, Route, Submission } from '../protocols/protocol.ts'
import { FILE_ROUTE, fileOf } from './backend-file.ts'
import type { Exchange } from './exchange.ts'
import { hasJobs, type JobLane, type Lane } from './isolate.ts'
import { type OwnedJob, resolveJob } from './owned-job.ts'
import { type Referred, referredJobs } from './referred-jobs.ts'
import type { Subject } from './subject.ts'
import { readUpload } from './upload.ts'

export type Choice =
  | (Offer<JobLane> & { kind: 'submit'; submission: Submission; referred: Referred })
  | (Offer<JobLane> & { kind: 'job'; job: OwnedJob })
  /** `list`: how the first of `lanes` words it. */
  | (Offer<JobLane> & { kind: 'list'; lanes: JobLane[]; list: JobList })
  /** `bytes`: the body, where it had to be read to find that no release with jobs takes it. */
  | (Offer & { kind: 'other'; bytes: Uint8Array<ArrayBuffer> | null })

/** A release whose path matches, and what its protocol makes of the request. */
interface Offer<L extends Lane = Lane> {
  lane: L
  way: Route
}

function isOfJobs(offer: Offer): offer is Offer<JobLane> {
  return hasJobs(offer.lane)
}

export async function chooseLane(x: Exchange, subject: Subject): Promise<Choice> {
  const file = fileOf(x, subject)
  if (file) {
    await admit(x, FILE_ROUTE, subject)
    return { kind: 'job', lane: file.lane, way: FILE_ROUTE, job: file }
  }
  const offers = offersFor(x)
  if (offers.length === 0) noRelease(x)
  const ofJobs = offers.filter(isOfJobs)
  const withJobs = ofJobs.map(({ lane }) => lane)
  const about = offers.find(({ way }) => way.job !== null && way.body !== 'submission')
  if (about && (isTagged(about.way.job!) || isFirst(about, offers))) {
    await admit(x, about.way, subject)
    const job = await resolveJob(x, withJobs, about.way.job!, subject)
    return { kind: 'job', lane: job.lane, way: wayOf(ofJobs, job.lane), job }
  }
  const lists = ofJobs.filter(({ way }) => way.operation === 'list')
  const [first] = lists
  const general = lists.find(takesAnyModel) ?? first
  const list = general?.lane.protocol.list
  if (first && general && list && isFirst(first, offers)) {
    await admit(x, first.way, subject)
    const lanes = [general.lane, ...lists.map(({ lane }) => lane).filter((l) => l !== general.lane)]
    return { kind: 'list', ...general, lanes, list }
  }
  const submit = offers.find(({ way }) => way.body === 'submission')
  const offer = submit && isFirst(submit, offers) ? submit : (offers.find(takesAnyModel) ?? offers[0]!)
  await admit(x, offer.way, subject)
  return offer === submit ? chooseForBody(x, offers, withJobs, subject) : other(offer, null)
}

/** Which release a preflight is about, as far as its path tells; throws `not_found`. */
export function laneOfPath(x: Exchange): Offer {
  const offers = offersFor(x)
  const offer = offers.find(takesAnyModel) ?? offers[0]
  return offer ?? noRelease(x)
}

function noRelease(x: Exchange): never {
  throw new SluiceError('not_found', `no release serves ${x.url.pathname}: none has it under match.paths`)
}

/** Charges the subject with this operation, once a request, whichever release then serves it. Throws `rate_limited`. */
async function admit(x: Exchange, { operation }: Route, subject: Subject): Promise<void> {
  x.log['operation'] = operation
  await x.isolate.rateLimiter.admit(operation, subject.key, x.isolate.env, x.isolate.deps.now())
}

/** Whether no release before it takes requests of any kind: a catch-all named first keeps what is its. */
function isFirst(offer: Offer, offers: readonly Offer[]): boolean {
  const before = offers.slice(0, offers.indexOf(offer))
  return !before.some((each) => takesAnyModel(each) && !hasJobs(each.lane))
}

async function chooseForBody(
  x: Exchange,
  offers: readonly Offer[],
  withJobs: readonly JobLane[],
  subject: Subject,
): Promise<Choice> {
  let bytes: Uint8Array<ArrayBuffer> | null = null
  let refused: unknown = null
  let model: string | null = null
  for (const offer of offers) {
    const { lane, way } = offer
    if (way.body !== 'submission' || !hasJobs(lane)) {
      if (takesAnyModel(offer)) return other(offer, bytes)
      continue
    }
    bytes ??= await readUpload(x)
    try {
      const contentType = x.request.headers.get('content-type')
      const submission = lane.protocol.readSubmission({ bytes, contentType, search: x.url.search }, way)
      const referred = await referredJobs(x, withJobs, way, submission, subject)
      if (referred.owner) {
        const owner = referred.owner.lane
        return { kind: 'submit', lane: owner, way: wayOf(offers, owner), submission, referred }
      }
      model = submission.model
      if (takesModel(lane, model)) return { kind: 'submit', lane, way, submission, referred }
    } catch (error) {
      // A release for certain models does not take what names none; another may.
      if (takesAnyModel(offer) || isAboutJobs(error)) throw error
      refused ??= error
    }
  }
  throw refused ?? new SluiceError('not_found', `no release serves the model ${JSON.stringify(model)}`)
}

function isAboutJobs(error: unknown): boolean {
  return !(error instanceof SluiceError) || !['malformed_body', 'unsupported_media_type'].includes(error.code)
}

function other({ lane, way }: Offer, bytes: Uint8Array<ArrayBuffer> | null): Choice {
  return { kind: 'other', lane, way, bytes }
}

function offersFor(x: Exchange): Offer[] {
  const { method } = x.request
  const path = x.url.pathname
  return x.isolate.lanes
    .filter(({ release }) => pathMatches(release.match.paths, path))
    .map((lane) => ({ lane, way: lane.protocol.route(method, path) }))
}

function wayOf(offers: readonly Offer[], lane: Lane): Route {
  return offers.find((offer) => offer.lane === lane)!.way
}

function takesAnyModel({ lane }: Offer): boolean {
  return lane.release.match.models === null
}

function takesModel({ release }: Lane, model: string | null): boolean {
  const { models } = release.match
  return models === null || (model !== null && models.includes(model))
}

function pathMatches(paths: readonly string[] | null, path: string): boolean {
  return (
    paths === null ||
    paths.some((prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`))
  )
}
