/**
 * What the control plane can do for one configuration, by name: the API's routes and the dashboard's port are two
 * ways to the same functions. It asks the objects and decides nothing; failures are SluiceErrors.
 */
import type { Env } from '../config/env.ts'
import type { SluiceConfig } from '../config/load.ts'
import { assign, positionOf } from '../core/assignment.ts'
import { SluiceError } from '../core/errors.ts'
import type { Snapshot } from '../core/release.ts'
import { NOTHING_KNOWN } from '../core/rules.ts'
import { windowStart } from '../core/window.ts'
import { isPageCursor } from '../durable/controller/paging.ts'
import type { LastKnown } from '../dashboard/port.ts'
import type { Answer, ReleaseControllerRpc } from '../durable/controller-rpc.ts'
import type { ActionCommand, AssignmentView, CounterRow, JobFilter, ReleasesView, ReleaseView } from '../api/index.ts'
import { ask, askAnswer, askEach, LISTED_DEADLINE_MS } from './ask.ts'
import { changesService } from './changes-service.ts'
import { configService } from './config-service.ts'
import { StepCounters } from './counters.ts'
import type { ControlDeps, ControlSettings } from './deps.ts'
import { experimentService } from './experiment-service.ts'
import { keyLimitsOf } from './key-limits.ts'
import { wrongKey } from './read-request.ts'
import { streamsOf } from './shared-feed.ts'

export type ControlService = ReturnType<typeof controlService>

/** Unix ms; `stepMs` is raised to a whole number of windows, and until there are no more than 2,000 steps. */
interface CounterRange {
  fromMs: number
  toMs: number
  stepMs: number
}

/** Windows asked for in one call, so that no answer of an object grows without bound. */
const WINDOWS_A_CALL = 500
const MAX_STEPS = 2000
/** A little more than shards and ledgers keep, so that a range from long ago is not asked for step by step. */
const KEPT_WINDOWS = 12_000
/** Entries of a history are numbered, and so are scores. */
const ENTRY_ID = /^\d{1,15}$/

function requireCursor(isOne: boolean): void {
  if (!isOne) throw wrongKey('cursor', 'not_cursor', 'not a cursor that a page of this list gave as its next')
}

export function controlService(deps: ControlDeps, env: Env, settings: ControlSettings, config: SluiceConfig) {
  const fileOf = (name: string) => {
    const release = config.releases.find((candidate) => candidate.name === name)
    if (!release) throw new SluiceError('release_not_found', `no release is named "${name.slice(0, 100)}"`)
    return release
  }
  /** For reads that no function here covers, too. Throws `release_not_found`. */
  const controller = (name: string) => deps.controller(env, fileOf(name).name)
  const live = configService(deps, env, fileOf)
  // Told here and not by the controller, since break-glass must hold, and be seen, without it.
  const viewOf = async (view: Promise<Answer<ReleaseView>>): Promise<ReleaseView> => ({
    ...(await askAnswer(view)),
    ...(settings.forceControl ? { forced_control: true as const } : {}),
  })
  const release = (name: string) => viewOf(controller(name).view())
  const names = () => config.releases.map(({ name }) => name)
  return {
    config: live,
    changes: changesService(deps, env, fileOf, live),
    experiment: experimentService(deps, env, settings, config),
    /** What the live feeds of this isolate share. */
    streams: streamsOf(config),
    /** Of the keys that stand in pages. */
    keyLimits: keyLimitsOf(config),
    controller,
    /** Of the snapshot that this isolate routes by; null where it has none. */
    snapshotAgeSeconds: (name: string) => deps.lastSnapshot(env, name)?.ageSeconds ?? null,
    /** Where the releases stood when this isolate last heard of them: what is left to show when no object answers. */
    lastKnown: (): LastKnown[] =>
      config.releases.flatMap(({ name }) => {
        const last = deps.lastSnapshot(env, name)
        if (!last) return []
        const { state, stage, percent } = last.snapshot
        return [{ release: name, state, stage, percent, ageSeconds: last.ageSeconds }]
      }),
    windowMs: (name: string) => fileOf(name).windowMs,
    names,
    /** Throws only where no release answers. */
    releases: () => readReleases(names(), release),
    release,
    act: (name: string, command: ActionCommand, who: string, ifMatch: number | null) =>
      viewOf(controller(name).act(command, { who, ifMatch })),
    history: async (name: string, cursor: string | null, limit: number) => {
      requireCursor(cursor === null || ENTRY_ID.test(cursor))
      return ask(controller(name).history(cursor, limit))
    },
    counters: (name: string, range: CounterRange) =>
      readCounters(fileOf(name).windowMs, range, deps.now(), () => controller(name)),
    jobs: async (name: string, filter: JobFilter, cursor: string | null, limit: number) => {
      requireCursor(isPageCursor(cursor))
      return ask(controller(name).jobs(filter, cursor, limit))
    },
    pairs: async (name: string, cursor: string | null, limit: number) => {
      requireCursor(isPageCursor(cursor))
      return ask(controller(name).pairs(cursor, limit))
    },
    scores: async (name: string, cursor: string | null, limit: number) => {
      requireCursor(cursor === null || ENTRY_ID.test(cursor))
      return ask(controller(name).scores(cursor, limit))
    },
    report: (name: string) => askAnswer(controller(name).report()),
    selfCheck: (name: string) => askAnswer(controller(name).selfCheck()),
    dailySums: (name: string) => askAnswer(controller(name).dailySums()),
    assign: async (name: string, subject: string) =>
      assignmentOf(await ask(controller(name).snapshot()), subject, settings.forceControl),
  }
}

async function readReleases(
  names: readonly string[],
  release: (name: string) => Promise<ReleaseView>,
): Promise<ReleasesView> {
  const { answered, silent } = await askEach(names, (name) => ask(release(name), LISTED_DEADLINE_MS))
  const [first] = silent
  if (!first) return { items: answered, next: null }
  if (answered.length === 0) throw first.error
  const unavailable = silent.map(({ name, error: { code, message } }) => ({ name, code, message }))
  return { items: answered, next: null, unavailable }
}

async function readCounters(
  windowMs: number,
  { fromMs, toMs, stepMs }: CounterRange,
  nowMs: number,
  controller: () => ReleaseControllerRpc,
): Promise<CounterRow[]> {
  const start = Math.max(fromMs, windowStart(nowMs, windowMs) - KEPT_WINDOWS * windowMs)
  const end = Math.min(toMs, nowMs + windowMs)
  const step = Math.max(1, Math.ceil(Math.max(stepMs, (end - start) / MAX_STEPS) / windowMs)) * windowMs
  const steps = new StepCounters(step)
  for (let at = start; at < end; at += WINDOWS_A_CALL * windowMs) {
    const { rows } = await ask(controller().windows(at, Math.min(end, at + WINDOWS_A_CALL * windowMs)))
    for (const row of rows) steps.add(row)
  }
  return steps.rows()
}

/** What the gateway would decide for a subject of which nothing else is known. Nothing is counted or stored. */
function assignmentOf(snapshot: Snapshot, subject: string, forceControl: boolean): AssignmentView {
  const { release, stage, percent, epoch } = snapshot
  const { arm, reason, position } = forceControl
    ? { arm: 'control' as const, reason: 'forced_control', position: positionOf(release, subject) }
    : assign(snapshot, subject, NOTHING_KNOWN)
  return { release, subject, arm, reason, stage, percent, position, epoch }
}
