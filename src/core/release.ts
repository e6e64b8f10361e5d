/** A release's state and what follows from it: stages, the next rung, isolates' snapshot. Changes: transitions.ts. */
import type { LedgerCount } from './ledger-growth.ts'
import type { Rule } from './rules.ts'

export const STATES = ['idle', 'shadow', 'canary', 'completed', 'rolled_back'] as const
export type State = (typeof STATES)[number]

/** As stored by the controller. Times are unix ms. */
export interface ReleaseState {
  state: State
  stage: string
  percent: number
  /** The percent in the stage's name; `percent` differs from it after `set_percent`. Null outside the canary. */
  rung: number | null
  paused: boolean
  /** Set by `set_shadow`; null leaves it to the config. */
  shadowSample: number | null
  shadowDuringCanary: boolean | null
  /** Grows with every change of the split or of what is judged. */
  epoch: number
  /** Grows with every change at all. */
  version: number
  since: number
  epochSince: number
  reason: string
  /** End of the first candidate job of this stage: the bake is counted from here. */
  clockStartedAt: number | null
  /** Stage whose leaving was approved. */
  approvedStage: string | null
  cooldownUntil: number | null
  /** When the release last left `idle`; null before. */
  startedAt: number | null
  /** Stages of this run, each once, in the order of their first entry. A start at a stage and a percent set by hand leave rungs out. */
  visited: readonly string[]
  /** Empty until a configuration was seen. */
  ledgers: readonly LedgerCount[]
}

export interface Rung {
  percent: number
  bakeMs: number
  gate: 'guardrails' | 'experiment'
  approval: 'none' | 'manual'
}

/** The part of the effective config that the state machine goes by. */
export interface Plan {
  ladder: readonly Rung[]
  bakeMs: number
  finalBakeMs: number
  minJobs: number
  advance: 'manual' | 'auto'
  cooldownMs: number
  freeze: readonly { fromMs: number; toMs: number; why: string }[]
  ledgerShards: number
}

/** Of snapshots in a shard's storage; one of another schema is no longer handed out. */
export const SNAPSHOT_SCHEMA = 1

/** What an isolate needs to route. The highest version wins everywhere. */
export interface Snapshot {
  schema: typeof SNAPSHOT_SCHEMA
  release: string
  state: State
  stage: string
  percent: number
  epoch: number
  version: number
  /** Copies are made when `sample` > 0: while shadowing, and during canary if so configured. */
  shadow: { sample: number; maxBodyBytes: number; maxInFlight: number; maxJobsPerDay: number; jobTimeoutMs: number }
  rules: readonly Rule[]
  failover: boolean
  /** Missing in those of earlier builds. */
  ledgers?: readonly LedgerCount[]
}

export function initialState(now: number): ReleaseState {
  return {
    state: 'idle',
    stage: 'idle',
    percent: 0,
    rung: null,
    paused: false,
    shadowSample: null,
    shadowDuringCanary: null,
    epoch: 0,
    version: 0,
    since: now,
    epochSince: now,
    reason: 'not started yet',
    clockStartedAt: null,
    approvedStage: null,
    cooldownUntil: null,
    startedAt: null,
    visited: [],
    ledgers: [],
  }
}

export function canaryStage(percent: number): string {
  return `canary-${percent}`
}

/**
 * The first rung above the present percent, so that a step up never takes anybody from the candidate; from 100 % set by
 * hand, the rung at 100, with the final bake. Null where there is none left or the ladder isn't climbed.
 */
export function nextRung(state: ReleaseState, ladder: readonly Rung[]): Rung | null {
  if (state.state === 'shadow') return ladder[0] ?? null
  if (state.state !== 'canary') return null
  const { percent, rung } = state
  return ladder.find((next) => next.percent > percent || (next.percent === 100 && rung !== 100)) ?? null
}

/** The rung that the release stands on; a live ladder may no longer hold it. */
export function presentRung(state: ReleaseState, ladder: readonly Rung[]): Rung | null {
  return ladder.find((rung) => rung.percent === state.rung) ?? null
}

/** Both arms have subjects dealt to them by their hash: who is exposed to one is to be known until the split changes. */
export function isSplit({ state, percent }: Pick<ReleaseState, 'state' | 'percent'>): boolean {
  return state === 'canary' && percent > 0 && percent < 100
}

export function isRunning(state: Pick<ReleaseState, 'state'>): boolean {
  return state.state === 'shadow' || state.state === 'canary' || state.state === 'completed'
}

export interface RoutingConfig {
  name: string
  rules: readonly Rule[]
  failover: boolean
  shadow: Snapshot['shadow'] & { duringCanary: boolean }
}

export function snapshotOf(state: ReleaseState, config: RoutingConfig): Snapshot {
  const duringCanary = state.shadowDuringCanary ?? config.shadow.duringCanary
  const copies = state.state === 'shadow' || (state.state === 'canary' && duringCanary)
  const sample = copies && !state.paused ? (state.shadowSample ?? config.shadow.sample) : 0
  const { maxBodyBytes, maxInFlight, maxJobsPerDay, jobTimeoutMs } = config.shadow
  return {
    schema: SNAPSHOT_SCHEMA,
    release: config.name,
    state: state.state,
    stage: state.stage,
    percent: state.percent,
    epoch: state.epoch,
    version: state.version,
    shadow: { sample, maxBodyBytes, maxInFlight, maxJobsPerDay, jobTimeoutMs },
    rules: config.rules,
    failover: config.failover,
    ledgers: state.ledgers,
  }
}
