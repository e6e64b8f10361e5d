/** A release in fast motion: windows are drawn, and put through the monitors that judge real ones. Judges nothing. */
import type { Arm } from './arm.ts'
import { assess, foldWindow, judge, mayTrip, openMonitor, recentMsOf } from './guardrails/index.ts'
import { type Guardrail, kindOf } from './guardrails/kinds.ts'
import type { ClosedWindow, MonitorState } from './guardrails/monitor.ts'
import type { Verdict } from './guardrails/verdict.ts'
import type { ArmError, Operation } from './outcome.ts'
import { addTo, emptySketch, type Sketch } from './sketch.ts'
import { drawBinomial, drawNormal, drawPoisson, type Random } from './stats/sampling.ts'
import type { Counters } from './window.ts'

export interface Scenario {
  guardrails: readonly Guardrail[]
  windowMs: number
  /** Jobs of both arms together; each is one submit and one job. */
  jobsPerMinute: number
  /** One epoch each. */
  stages: readonly { percent: number; durationMs: number }[]
  /** Share of submits and of jobs that fail, in each arm. */
  control: Rates
  candidate: Rates
  /** Lognormal, in seconds: the median, the standard deviation of the logarithm, and how many times slower the candidate is. */
  latency: { median: number; sigma: number; candidateTimes: number }
}
export interface Rates {
  submit: number
  job: number
}

/** The first breach of one monitor. */
export interface Trip {
  verdict: Verdict
  /** From the start of the release to the verdict. */
  afterMs: number
  percent: number
}

/** Below this many jobs a window is cheap enough to be drawn afresh each time. */
const FRESH_BELOW = 8
/** Jobs drawn for one pool before its windows are used again, as far as that gives between so many windows. */
const POOL_JOBS = 400_000
const POOL_WINDOWS = { least: 60, most: 4000 }

type SimulatedOperation = keyof Rates
const OPERATIONS = ['submit', 'job'] as const
const FAILURE: Record<SimulatedOperation, ArmError> = { submit: 'http_5xx', job: 'job_failed' }

interface Draw {
  n: number
  x: number
  latency: Sketch
}
type Draws = Record<SimulatedOperation, { candidate: Draw; control: Draw }>

/**
 * Prepares a scenario (latency sketches of busy windows are used again) and returns what runs one release of it: the
 * first breach of each monitor, by its id. `enough` stops a release early, when nothing more is asked of it.
 * Errors are independent from job to job and ends are counted in the window of the submit.
 */
export function prepareSimulation(
  scenario: Scenario,
  random: Random,
): (enough?: (trips: ReadonlyMap<string, Trip>) => boolean) => Map<string, Trip> {
  const stages = scenario.stages.map((stage) => ({ ...stage, draw: windowDraws(scenario, stage.percent, random) }))
  return (enough = () => false) => {
    const trips = new Map<string, Trip>()
    let states = new Map<string, MonitorState>()
    let now = 0
    for (const [i, { percent, durationMs, draw }] of stages.entries()) {
      const epochStartedAt = now
      states = new Map(scenario.guardrails.map(({ id }) => [id, openMonitor(states.get(id), stages.length - i)]))
      for (const endMs = now + durationMs; now < endMs; now += scenario.windowMs) {
        const draws = draw()
        const window = closedWindow(now, now + scenario.windowMs, draws)
        for (const guardrail of scenario.guardrails) {
          if (trips.has(guardrail.id)) continue
          const state = foldWindow(guardrail, states.get(guardrail.id)!, window)
          states.set(guardrail.id, state)
          const looks = recentMsOf(guardrail) === null ? [null] : lastSeconds(guardrail, window, draws, random)
          for (const recent of looks) {
            const at = recent?.endMs ?? window.endMs
            const context = { now: at, clockStartedAt: epochStartedAt, epochStartedAt, recent }
            if (assess(guardrail, state, context).status !== 'breach') continue
            trips.set(guardrail.id, { verdict: judge(guardrail, state, context), afterMs: at, percent })
            break
          }
        }
        if (enough(trips)) return trips
      }
    }
    return trips
  }
}

/** What draws the windows of one stage. */
function windowDraws(scenario: Scenario, percent: number, random: Random): () => Draws {
  const perWindow = (scenario.jobsPerMinute * scenario.windowMs) / 60_000
  const expected = { candidate: (perWindow * percent) / 100, control: perWindow * (1 - percent / 100) }
  const { median, sigma, candidateTimes } = scenario.latency
  const withLatency = scenario.guardrails.some((guardrail) => kindOf(guardrail).readsLatency)
  const source = (arm: Arm): (() => { n: number; latency: Sketch }) => {
    if (!withLatency) return () => ({ n: drawPoisson(expected[arm], random), latency: emptySketch() })
    const latencies = { median: arm === 'candidate' ? median * candidateTimes : median, sigma }
    const next = latencySource(expected[arm], latencies, random)
    return () => {
      const latency = next()
      return { n: latency.count, latency }
    }
  }
  const sources = { candidate: source('candidate'), control: source('control') }
  const draw = (arm: Arm, operation: SimulatedOperation): Draw => {
    const { n, latency } = sources[arm]()
    return { n, x: drawBinomial(n, scenario[arm][operation], random), latency }
  }
  return () => ({
    submit: { candidate: draw('candidate', 'submit'), control: draw('control', 'submit') },
    job: { candidate: draw('candidate', 'job'), control: draw('control', 'job') },
  })
}

/** Returns what gives the sketch of the next window, with Poisson many jobs. */
function latencySource(expectedJobs: number, latency: { median: number; sigma: number }, random: Random): () => Sketch {
  const fresh = (): Sketch => drawSketch(drawPoisson(expectedJobs, random), latency, random)
  if (expectedJobs < FRESH_BELOW) return fresh
  const size = Math.min(POOL_WINDOWS.most, Math.max(POOL_WINDOWS.least, Math.round(POOL_JOBS / expectedJobs)))
  const pool: Sketch[] = []
  return () => {
    if (pool.length === size) return pool[Math.floor(random() * size)]!
    const sketch = fresh()
    pool.push(sketch)
    return sketch
  }
}

function drawSketch(jobs: number, { median, sigma }: { median: number; sigma: number }, random: Random): Sketch {
  const sketch = emptySketch()
  for (let i = 0; i < jobs; i++) addTo(sketch, median * Math.exp(sigma * drawNormal(random)))
  return sketch
}

function closedWindow(startMs: number, endMs: number, draws: Draws): ClosedWindow {
  const window: ClosedWindow = { startMs, endMs, candidate: {}, control: {} }
  for (const operation of OPERATIONS) {
    window.candidate[operation] = countersOf(operation, draws[operation].candidate)
    window.control[operation] = countersOf(operation, draws[operation].control)
  }
  return window
}

function countersOf(operation: SimulatedOperation, { n, x, latency }: Draw): Counters {
  return { requests: n, outcomes: x > 0 ? { [FAILURE[operation]]: x } : {}, sketches: { latency } }
}

/**
 * The window cut into pieces as long as the fast trip looks back, its requests and errors dealt out at random. None
 * where all errors of the window together could not trip one piece: a shortcut in the drawing, not in the judging.
 */
function lastSeconds(guardrail: Guardrail, window: ClosedWindow, draws: Draws, random: Random): ClosedWindow[] {
  const { operation } = guardrail
  const withinMs = recentMsOf(guardrail)
  if (withinMs === null || !simulated(operation)) return []
  const { candidate, control } = draws[operation]
  if (!mayTrip(guardrail, candidate, 0)) return []
  const pieces = Math.max(1, Math.floor((window.endMs - window.startMs) / withinMs))
  const sizes = dealSizes(candidate.n, pieces, random)
  if (!mayTrip(guardrail, candidate, Math.min(...sizes))) return []
  const candidatePieces = dealErrors(candidate, sizes, random)
  const controlPieces = dealErrors(control, dealSizes(control.n, pieces, random), random)
  return candidatePieces.map((piece, i) => ({
    startMs: window.startMs + i * withinMs,
    endMs: window.startMs + (i + 1) * withinMs,
    candidate: { [operation]: countersOf(operation, piece) },
    control: { [operation]: countersOf(operation, controlPieces[i]!) },
  }))
}

function dealSizes(n: number, pieces: number, random: Random): number[] {
  let left = n
  return Array.from({ length: pieces }, (_, i) => {
    const size = drawBinomial(left, 1 / (pieces - i), random)
    left -= size
    return size
  })
}

/** Errors fall on requests at random: each takes one of the places left. Where most fail, the successes are dealt. */
function dealErrors({ n, x }: Draw, sizes: readonly number[], random: Random): Draw[] {
  const few = Math.min(x, n - x)
  const left = [...sizes]
  for (let dealt = 0; dealt < few; dealt++) {
    let place = Math.floor(random() * (n - dealt))
    let piece = 0
    while (place >= left[piece]!) place -= left[piece++]!
    left[piece]!--
  }
  return sizes.map((size, i) => {
    const taken = size - left[i]!
    return { n: size, x: few === x ? taken : size - taken, latency: emptySketch() }
  })
}

function simulated(operation: Operation): operation is SimulatedOperation {
  return operation === 'submit' || operation === 'job'
}
