/** The story as a list of things that must happen, each with its figures and a deadline. Throws where one does not. */
import type { HistoryEntry, ReleaseView } from '../src/api/index.ts'
import type { ControlClient } from './control-client.ts'
import type { Backends } from './scene.ts'

export type Ending = 'rolled-back' | 'completed' | 'stopped-in-shadow'

const STAGE_DEADLINE_MS = 45_000
const LADDER = ['canary-1', 'canary-5', 'canary-20', 'canary-50', 'canary-100']
/** The candidate breaks here: late enough that real users are on it, early enough that few are. */
const FAULT_AT = 'canary-20'
const FAULT = { job_failure_rate: 0.4, error_rate: 0.1 }
const PROPAGATION_MS = 2000

export async function tell(
  ending: Ending,
  control: ControlClient,
  backends: Backends,
  say: (sentence: string) => void,
): Promise<void> {
  if (ending === 'stopped-in-shadow') {
    backends.candidate.setFaults(FAULT)
    say(`the candidate is broken from the start: ${JSON.stringify(FAULT)}`)
  }
  await control.act({ action: 'start', reason: 'demo' })
  say('started: shadow copies go to the candidate, users see nothing of them')
  if (ending === 'stopped-in-shadow') return stoppedInShadow(control, say)
  for (const stage of LADDER) {
    const view = await reach(control, stage)
    say(`${stage}: ${figures(view)}`)
    if (ending === 'rolled-back' && stage === FAULT_AT) return rolledBack(control, backends, say)
  }
  const done = await reach(control, 'completed')
  if (done.percent !== 100) throw new Error(`completed at ${done.percent} %`)
  say(`completed at 100 %, ${(await control.history()).length} audit entries`)
}

async function stoppedInShadow(control: ControlClient, say: (sentence: string) => void): Promise<void> {
  const view = await reach(control, 'rolled_back')
  const history = await control.history()
  const canary = history.find((entry) => entry.to.stage.startsWith('canary'))
  if (canary) throw new Error(`it left shadow for ${canary.to.stage}`)
  say(`stopped by itself while shadowing: ${view.reason}`)
}

async function rolledBack(control: ControlClient, backends: Backends, say: (sentence: string) => void): Promise<void> {
  const faultAt = Date.now()
  backends.candidate.setFaults(FAULT)
  say(`fault in the candidate: ${JSON.stringify(FAULT)}`)
  const view = await reach(control, 'rolled_back')
  const decidedAt = Date.parse(view.since)
  const entry = (await control.history()).find(({ action }) => action === 'rollback')
  say(`rolled back by ${entry?.who}, ${seconds(decidedAt - faultAt)} after the fault: ${view.reason}`)
  mustBeAutomatic(entry)
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, decidedAt + PROPAGATION_MS + 3000 - Date.now())))
  const late = backends.candidate.log.filter(
    ({ method, path, at, shadow }) =>
      method === 'POST' && path === '/v1/videos' && !shadow && Date.parse(at) > decidedAt + PROPAGATION_MS,
  )
  if (late.length > 0) throw new Error(`${late.length} submits reached the candidate later than 2 s after the decision`)
  const after = await control.release()
  const { jobs_failed, subjects_exposed, last_misrouted_submit_at } = after.blast_radius ?? {}
  const last = last_misrouted_submit_at ? seconds(Date.parse(last_misrouted_submit_at) - decidedAt) : 'none'
  say(
    `last misrouted submit ${last} after the decision; ${jobs_failed} jobs failed for ${subjects_exposed} exposed users; ${after.draining ? `${after.draining.jobs} jobs draining` : 'no jobs draining'}`,
  )
}

function mustBeAutomatic(entry: HistoryEntry | undefined): void {
  if (!entry?.who.startsWith('system:') || entry.evidence === undefined)
    throw new Error(`the rollback was not automatic: ${JSON.stringify(entry)}`)
}

/** The release once it is at `stage`; throws when it got elsewhere or not there in time, saying what it waits for. */
async function reach(control: ControlClient, stage: string): Promise<ReleaseView> {
  const deadline = Date.now() + STAGE_DEADLINE_MS
  let view = await control.release()
  while (Date.now() < deadline) {
    if (view.stage === stage) return view
    if (view.stage === 'rolled_back') throw new Error(`rolled back instead of ${stage}: ${view.reason}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
    view = await control.release()
  }
  throw new Error(
    `still ${view.stage}, not ${stage}; waits for: ${view.blocked_by.map(({ message }) => message).join('; ')}`,
  )
}

function figures(view: ReleaseView): string {
  return `${view.percent} % of users, because ${view.reason}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
