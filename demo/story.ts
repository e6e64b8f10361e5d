/**
 * The story as a list of things that must happen, each with its figures. How long one takes is the machine's affair: it
 * says what it waits for, and throws where something else happens, or nothing for minutes.
 */
import type { HistoryEntry, ReleaseView, VerdictView } from '../src/api/index.ts'
import { ARM_ERRORS } from '../src/core/outcome.ts'
import type { ControlClient } from './control-client.ts'
import type { Backends } from './setup.ts'

export type Ending = 'rolled-back' | 'completed' | 'stopped-in-shadow'

/** Ten times what a stage takes on an idle machine. */
const MAX_WAIT_MS = 180_000
/** After so much waiting it says for what, and each time again. */
const SAY_EVERY_MS = 15_000
const LOOK_EVERY_MS = 200
/** Without a submit for so long, with clients going on, the candidate gets none any more. */
const SILENCE_MS = 3000
const LADDER = ['canary-1', 'canary-5', 'canary-20', 'canary-50', 'canary-100']
/** The candidate breaks here: late enough that real users are on it, early enough that few are. */
const FAULT_AT = 'canary-20'
const FAULT = { job_failure_rate: 0.4, error_rate: 0.1 }

type Say = (sentence: string) => void

export async function tell(ending: Ending, control: ControlClient, backends: Backends, say: Say): Promise<void> {
  if (ending === 'stopped-in-shadow') {
    backends.candidate.setFaults(FAULT)
    say(`the candidate is broken from the start: ${JSON.stringify(FAULT)}`)
  }
  await control.act({ action: 'start', reason: 'demo' })
  say('started: shadow copies go to the candidate, users see nothing of them')
  if (ending === 'stopped-in-shadow') return stoppedInShadow(control, say)
  for (const stage of LADDER) {
    const view = await reach(control, stage, say)
    say(`${stage}: ${figures(view)}`)
    if (ending === 'rolled-back' && stage === FAULT_AT) return rolledBack(control, backends, say)
  }
  const done = await reach(control, 'completed', say)
  if (done.percent !== 100) throw new Error(`completed at ${done.percent} %`)
  say(`completed at 100 %, ${(await control.history()).length} audit entries`)
}

async function stoppedInShadow(control: ControlClient, say: Say): Promise<void> {
  const view = await reach(control, 'rolled_back', say)
  const history = await control.history()
  const canary = history.find((entry) => entry.to.stage.startsWith('canary'))
  if (canary) throw new Error(`it left shadow for ${canary.to.stage}`)
  say(`stopped by itself while shadowing: ${view.reason}`)
}

async function rolledBack(control: ControlClient, backends: Backends, say: Say): Promise<void> {
  const faultAt = Date.now()
  backends.candidate.setFaults(FAULT)
  say(`fault in the candidate: ${JSON.stringify(FAULT)}`)
  const view = await reach(control, 'rolled_back', say)
  const decidedAt = Date.parse(view.since)
  const entry = (await control.history()).find(({ action }) => action === 'rollback')
  say(`rolled back by ${entry?.who}, ${seconds(decidedAt - faultAt)} after the fault: ${view.reason}`)
  mustBeAutomatic(entry)
  await waitFor(
    'no submit reaches the candidate any more',
    async () => backends.candidate.log.findLast(({ submit, shadow }) => submit && !shadow),
    (last) => Date.now() - Math.max(decidedAt, Date.parse(last?.at ?? view.since)) >= SILENCE_MS,
    (last) => `its last one came at ${last?.at}`,
    say,
  )
  const { blast_radius: cost, draining } = await waitFor(
    'the cost is summed up',
    () => control.release(),
    ({ blast_radius }) => blast_radius !== null,
    () => 'the ledgers have not answered',
    say,
  )
  const { jobs_failed, subjects_exposed, last_misrouted_submit_at } = cost!
  const last = last_misrouted_submit_at
    ? `${seconds(Date.parse(last_misrouted_submit_at) - decidedAt)} after the decision`
    : 'none'
  say(
    `last misrouted submit ${last}; ${jobs_failed} jobs failed for ${subjects_exposed} exposed users; ${draining ? `${draining.jobs} jobs draining` : 'no jobs draining'}`,
  )
}

function mustBeAutomatic(entry: HistoryEntry | undefined): void {
  if (!entry?.who.startsWith('system:') || entry.evidence === undefined)
    throw new Error(`the rollback was not automatic: ${JSON.stringify(entry)}`)
}

/** The release once it is at `stage`; throws when it got elsewhere, with what failed there. */
async function reach(control: ControlClient, stage: string, say: Say): Promise<ReleaseView> {
  const view = await waitFor(
    stage,
    () => control.release(),
    (now) => now.stage === stage || now.stage === 'rolled_back',
    (now) =>
      `at ${now.stage}: ${now.blocked_by.map(({ message }) => message).join('; ') || 'the next look of the controller'}`,
    say,
  )
  if (view.stage === stage) return view
  const entry = (await control.history()).find(({ action }) => action === 'rollback')
  throw new Error(`rolled back instead of ${stage}: ${view.reason}; errors: ${errorClasses(entry)}`)
}

/** `23 job_timeout, 1 unreachable`, of all verdicts that the rollback was decided on. */
function errorClasses(entry: HistoryEntry | undefined): string {
  const { verdicts = [] } = (entry?.evidence ?? {}) as { verdicts?: VerdictView[] }
  const told = verdicts.map(({ guardrail, evidence = {} }) => {
    const classes = ARM_ERRORS.filter((name) => evidence[name]).map((name) => `${evidence[name]} ${name}`)
    return `${guardrail} ${classes.join(', ') || 'none'}`
  })
  return told.join('; ') || 'not told'
}

/** What `read` gave once it `holds`; says every now and then what `missing` tells, and at the end throws with it. */
async function waitFor<T>(
  what: string,
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  missing: (value: T) => string,
  say: Say,
): Promise<T> {
  const began = Date.now()
  let sayAt = began + SAY_EVERY_MS
  for (;;) {
    const value = await read()
    if (holds(value)) return value
    const now = Date.now()
    if (now - began > MAX_WAIT_MS)
      throw new Error(`after ${seconds(now - began)} still waits for ${what}; ${missing(value)}`)
    if (now >= sayAt) {
      say(`waits for ${what}; ${missing(value)}`)
      sayAt = now + SAY_EVERY_MS
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

function figures(view: ReleaseView): string {
  return `${view.percent} % of users, because ${view.reason}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
