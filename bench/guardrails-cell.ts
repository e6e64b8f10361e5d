/**
 * One cell of the guardrail bench: a scenario drawn many times, window by window, judged by core's own functions and beside
 * them by the rules that others use. Pure: the seed is in the cell. Latencies and refusals are left out.
 */
import * as v from 'valibot'
import { DEFAULT_GUARDRAILS, guardrailSchema, monitors } from '../src/config/guardrail-schema.ts'
import { type FailureRow, lengthened } from '../src/core/failure-runs.ts'
import { assess, foldWindow, type Guardrail, openMonitor, recentMsOf } from '../src/core/guardrails/index.ts'
import type { ClosedWindow, MonitorState } from '../src/core/guardrails/monitor.ts'
import type { Arm } from '../src/core/arm.ts'
import { drawBinomial, drawPoisson, type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { type Counters, lateness } from '../src/core/window.ts'
import { type Counts, OTHERS, type Other } from './other-rules.ts'

const MINUTE = 60_000
const NO_SKETCHES = {}
export const LADDER = [1, 5, 20, 50, 100]
/** With a stage that leaves control few jobs. */
const TO_THIN_CONTROL = [1, 20, 50, 90, 100]
/** Windows of a minute in a day. */
export const DAY = 1440

export interface Cell {
  kind: 'healthy' | 'uneven' | 'slow' | 'failing' | 'late' | 'slow failing'
  seed: number
  runs: number
  /** The candidate's, and control's in a healthy cell. */
  rate: number
  /** Jobs of the candidate a window, in the mean; control's by the split. */
  jobs: number
  /** Failures that come together, of one user. */
  clump: number
  /** In how many windows jobs end: good ones by arm, and failures of either. */
  endsAfter: EndsAfter
  /** Where the candidate fails; a healthy release climbs the whole ladder. */
  percent: number
  /** Windows of each stage before, and of this one; of a healthy release's stages below 50 %, and of the others. */
  before: number
  windows: number
}

export type EndsAfter = Record<Arm | 'failed', number>

export interface CellResult extends Cell {
  /** Candidate jobs from the fault, or the start, until each rule acted, ascending; shorter where some did not in time. */
  jobsUntil: Record<Rule, number[]>
  /** How often each rule had rolled the release back while it was still healthy. */
  early: Record<Rule, number>
}

export type Rule = 'sluice' | Other
export const RULES = ['sluice', 'argo', 'flagger', 'plain'] as const satisfies readonly Rule[]
export const HEALTHY = 0.005

/** Default guardrails of error rates; those of submits are looked at in healthy cells only. */
function guardrails(cell: Cell): Guardrail[] {
  const all = monitors(
    DEFAULT_GUARDRAILS.map((guardrail) => v.parse(guardrailSchema, guardrail)),
    ['submit', 'job'],
  ).filter((each) => each.metric === 'error_rate' && recentMsOf(each) === null)
  return isSound(cell) ? all : all.filter(({ operation }) => operation === 'job')
}

export function runCell(cell: Cell): CellResult {
  const random = seededRandom(cell.seed)
  const rules = guardrails(cell)
  const jobsUntil: CellResult['jobsUntil'] = { sluice: [], argo: [], flagger: [], plain: [] }
  const early: CellResult['early'] = { sluice: 0, argo: 0, flagger: 0, plain: 0 }
  for (let i = 0; i < cell.runs; i++) {
    const ends = runRelease(cell, rules, random)
    for (const rule of RULES) {
      const jobs = ends[rule]
      if (jobs === 'early') early[rule]++
      else if (jobs !== null) jobsUntil[rule].push(jobs)
    }
  }
  for (const jobs of Object.values(jobsUntil)) jobs.sort((a, b) => a - b)
  return { ...cell, jobsUntil, early }
}

type Ends = Record<Rule, number | 'early' | null>

/** Healthy releases, whichever way. */
const isSound = ({ kind }: Pick<Cell, 'kind'>): boolean => kind === 'healthy' || hasEnd({ kind })

/** Half of each stage is without traffic. */
const hasEnd = ({ kind }: Pick<Cell, 'kind'>): boolean => kind === 'uneven' || kind === 'slow'

/** One release up the ladder. What is bad is bad in the last stage: from its start, or after three days of health. */
function runRelease(cell: Cell, rules: readonly Guardrail[], random: Random): Ends {
  const ends: Ends = { sluice: null, argo: null, flagger: null, plain: null }
  const isHealthy = isSound(cell)
  const ladder = cell.kind === 'slow' ? TO_THIN_CONTROL : LADDER
  const stages = isHealthy ? ladder : ladder.filter((percent) => percent <= cell.percent)
  const faultAt = cell.kind === 'late' ? 3 * DAY : 0
  let states = rules.map(() => openMonitor(undefined, ladder.length + 1))
  let jobs = 0
  for (const [i, percent] of stages.entries()) {
    states = states.map((state) => openMonitor(state, ladder.length - i))
    const others = OTHERS.map(({ open }) => open())
    const isLast = i === stages.length - 1
    const windows = isLast || (isHealthy && percent >= 50) ? cell.windows : cell.before
    const pending: Pending = { candidate: [], control: [] }
    for (let w = 0; w < windows && RULES.some((rule) => ends[rule] === null); w++) {
      const isBad = !isHealthy && isLast && w >= faultAt
      const isOver = hasEnd(cell) && w > windows / 2
      const drawn = isOver ? NOBODY : drawWindow(cell, percent, isBad, random)
      const draw = { ...drawn, job: ended(drawn.job, pending, cell) }
      if (isBad || isHealthy) jobs += draw.job.candidate.n
      const end = isBad || isHealthy ? jobs : 'early'
      if (ends.sluice === null) {
        states = folded(rules, states, closed(w, draw))
        if (isBreach(rules, states, w)) ends.sluice = end
      }
      for (const [k, { name, look }] of OTHERS.entries()) {
        if (ends[name] === null && look(others[k]!, draw.job.candidate)) ends[name] = end
      }
    }
  }
  return ends
}

function folded(rules: readonly Guardrail[], states: readonly MonitorState[], window: ClosedWindow): MonitorState[] {
  return rules.map((rule, i) => foldWindow(rule, states[i]!, window))
}

function isBreach(rules: readonly Guardrail[], states: readonly MonitorState[], window: number): boolean {
  const context = { now: (window + 1) * MINUTE, clockStartedAt: 0, recent: null }
  return rules.some((rule, i) => {
    const state = states[i]!
    // A monitor that has neither tripped nor a streak can't be in breach: a shortcut, not a rule.
    return (state.tripped !== null || state.streak !== null) && assess(rule, state, context).status === 'breach'
  })
}

interface Draw {
  candidate: Ended
  control: Ended
}

type Ended = Counts & { submitted?: number; late?: number }

const NOTHING: Counts = { n: 0, x: 0, repeats: 0 }
const NOBODY: { submit: Draw | null; job: Draw } = {
  submit: { candidate: NOTHING, control: NOTHING },
  job: { candidate: NOTHING, control: NOTHING },
}

/** What was submitted in the windows so far, newest last. */
type Pending = Record<Arm, Counts[]>

/** What ends in the window in which these were submitted. */
function ended(submitted: Draw, pending: Pending, { endsAfter }: Cell): Draw {
  const of = (arm: Arm): Ended => {
    const last = Math.max(endsAfter[arm], endsAfter.failed)
    if (last === 0) return submitted[arm]
    pending[arm].push(submitted[arm])
    const from = (windows: number) => pending[arm].at(-1 - windows) ?? NOTHING
    const { x, repeats } = from(endsAfter.failed)
    const good = from(endsAfter[arm])
    if (pending[arm].length > last) pending[arm].shift()
    return { n: x + good.n - good.x, x, repeats, submitted: submitted[arm].n, late: endsAfter.failed }
  }
  return { candidate: of('candidate'), control: of('control') }
}

function drawWindow(cell: Cell, percent: number, isBad: boolean, random: Random): { submit: Draw | null; job: Draw } {
  const isHealthy = isSound(cell)
  const sizes = { candidate: cell.jobs, control: (cell.jobs * (100 - percent)) / percent }
  const rates = { candidate: isHealthy || isBad ? cell.rate : HEALTHY, control: isHealthy ? cell.rate : HEALTHY }
  const arm = (which: 'candidate' | 'control') => {
    // As many as were asked for where jobs are counted, so that a median is one of them.
    const isDrawn = (isHealthy || cell.jobs < 1) && sizes[which] > 0
    const n = isDrawn ? drawPoisson(sizes[which], random) : sizes[which]
    return drawCounts(n, rates[which], cell.clump, random)
  }
  const both = () => ({ candidate: arm('candidate'), control: arm('control') })
  return { submit: isHealthy ? both() : null, job: both() }
}

/** Jobs of one arm: whole clumps of failures, of which those are repeats that failure-runs.ts takes for such. */
function drawCounts(n: number, rate: number, clump: number, random: Random): Counts {
  if (clump === 1) return { n, x: drawBinomial(n, rate, random), repeats: 0 }
  const clumps = n === 0 ? 0 : drawPoisson((n * rate) / clump, random)
  const x = clumps * clump
  return { n: Math.max(n, x), x, repeats: clumps * repeatsIn(clump) }
}

function repeatsIn(clump: number): number {
  let row: FailureRow | null = null
  let repeats = 0
  for (let i = 0; i < clump; i++) {
    const next = lengthened('error', row, 0)
    row = next.row
    if (next.repeats.includes('row')) repeats++
  }
  return repeats
}

function closed(window: number, { submit, job }: { submit: Draw | null; job: Draw }): ClosedWindow {
  const startMs = window * MINUTE
  const counters = (arm: keyof Draw) => ({
    ...(submit ? { submit: countersOf(submit[arm], false) } : {}),
    job: countersOf(job[arm], true),
  })
  return { startMs, endMs: startMs + MINUTE, candidate: counters('candidate'), control: counters('control') }
}

function countersOf({ n, x, repeats, submitted = n, late = 0 }: Ended, isJob: boolean): Counters {
  return {
    requests: n,
    outcomes: x > 0 ? { job_failed: x } : {},
    ...(isJob ? { submitted } : {}),
    ...(late > 0 && x > repeats ? { late: { [lateness(0, late, 1)]: x - repeats } } : {}),
    ...(repeats > 0 ? { repeats: { row: { job_failed: repeats }, window: { job_failed: repeats } } } : {}),
    sketches: NO_SKETCHES,
  }
}
