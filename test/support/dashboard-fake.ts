/**
 * An in-memory release behind the dashboard's port: the real state machine with invented traffic,
 * so that pages can be driven without a gateway. Time stands still until it is moved.
 */
import { issueDetail } from '../../src/config/issue-words.ts'
import { detail } from '../../src/core/errors.ts'
import * as v from 'valibot'
import { actionSchema, type HistoryEntry, type ReleaseView, type Role } from '../../src/api/index.ts'
import type { Blocker, Facts } from '../../src/core/gates.ts'
import { blockers } from '../../src/core/gates.ts'
import { canaryStage, initialState, nextRung, type ReleaseState } from '../../src/core/release.ts'
import { type Command, legalActions, type Transition, transition } from '../../src/core/transitions.ts'
import type { DashboardPort, PortRefusal, PortResult } from '../../src/dashboard/port.ts'
import { ConfigFake } from './config-fake.ts'
import { FILE, jobsAt, pairsAt, PLAN } from './dashboard-fixtures.ts'
import { aReport } from './report-view.ts'
import { invented, type Traffic, verdictsOf } from './dashboard-traffic.ts'

const MINUTE = 60_000
export interface Fake {
  name: string
  nowMs: number
  /** Who looks, and acts. */
  who: string
  role: Role
  /** What the candidate does from now on. */
  traffic: Traffic
  /** Answers every call as if the objects were out of reach. */
  unreachable: boolean
  finishedJobs: number
  state(): ReleaseState
  view(): ReleaseView
  port(): DashboardPort
  /** As somebody, or as the system. */
  do(command: Command, who: string, reason: string): void
  /** Called after each change, for whoever streams it. */
  onChange: () => void
}

export function dashboardFake(
  name = 'wan22_t2v_abtest',
  startMs = Date.parse('2026-11-24T14:00:00Z'),
  { requireReview = false } = {},
): Fake {
  let state = initialState(startMs)
  const history: HistoryEntry[] = []
  const fake: Fake = {
    name,
    nowMs: startMs,
    who: 'token:oncall',
    role: 'admin',
    traffic: 'healthy',
    unreachable: false,
    finishedJobs: 0,
    state: () => state,
    view: () => viewOf(state),
    port,
    do: (command, who, reason) => {
      const done = apply(command, who, reason)
      if (!done.ok) throw new Error(done.message)
    },
    onChange: () => undefined,
  }
  const table = { ...FILE, require_review: requireReview }
  const overlays = new ConfigFake(
    name,
    table,
    () => fake.nowMs,
    () => fake.onChange(),
  )

  function facts(): Facts {
    // The gates read id, status and message only.
    const verdicts = verdictsOf(state, fake.traffic, fake.nowMs) as unknown as Facts['verdicts']
    return {
      now: fake.nowMs,
      finishedJobs: fake.finishedJobs,
      verdicts,
      waived: ['signal:fvd'],
      experiment: null,
    }
  }

  function apply(command: Command, who: string, reason: string): PortResult<ReleaseState> {
    const result = transition(state, command, PLAN, facts(), reason)
    if (!result.ok) return unmoved(result)
    const verdicts = verdictsOf(state, fake.traffic, fake.nowMs)
    const evidence = command.action === 'rollback' ? { evidence: { verdict: verdicts[0], verdicts } } : {}
    state = result.state
    if (['start', 'advance', 'reset', 'set_percent'].includes(command.action)) fake.finishedJobs = 0
    history.unshift({
      id: String(history.length + 1),
      at: iso(fake.nowMs),
      who,
      action: command.action,
      reason,
      from: result.from,
      to: result.to,
      epoch: state.epoch,
      version: state.version,
      ...evidence,
    })
    fake.onChange()
    return { ok: true, value: state }
  }

  function viewOf(at: ReleaseState): ReleaseView {
    const next = nextRung(at, PLAN.ladder)
    const sample = at.shadowSample ?? 1
    const live = at.state === 'shadow' || at.state === 'canary'
    return {
      name,
      state: at.state,
      stage: at.stage,
      percent: at.percent,
      actual_percent:
        at.state === 'canary' ? Number((at.percent * 1.02).toFixed(1)) : live || at.state === 'rolled_back' ? 0 : null,
      paused: at.paused,
      advance: overlays.overlay['advance'] === 'auto' ? 'auto' : 'manual',
      shadow: {
        active: sample > 0 && (at.state === 'shadow' || (at.state === 'canary' && at.shadowDuringCanary === true)),
        sample,
        in_flight: at.state === 'shadow' ? 7 : 0,
        max_in_flight: 20,
        today: 3990,
        max_jobs_per_day: 5000,
        dropped: at.startedAt === null ? {} : { max_in_flight: 812, body_too_large: 10 },
        funnel: { eligible: 4812, sampled: 4812, admitted: 3990, submitted: 3988, finished: 3951, scored: 212 },
      },
      epoch: at.epoch,
      version: at.version,
      since: iso(at.since),
      reason: at.reason,
      ladder: PLAN.ladder.map((rung) => ({
        percent: rung.percent,
        stage: canaryStage(rung.percent),
        bake_seconds: rung.bakeMs / 1000,
        gate: rung.gate,
        approval: rung.approval,
      })),
      next: next
        ? { stage: canaryStage(next.percent), percent: next.percent }
        : at.state === 'canary'
          ? { stage: 'completed', percent: 100 }
          : null,
      arms: { control: { model: 'Wan2.1' }, candidate: { model: 'Wan2.2-T2V-A14B' } },
      clock_started_at: at.clockStartedAt === null ? null : iso(at.clockStartedAt),
      jobs: { finished: fake.finishedJobs, needed: PLAN.minJobs },
      blocked_by: blockers(at, PLAN, { ...facts(), now: fake.nowMs }).map(({ code, message, untilMs }) => ({
        code,
        message,
        until: untilMs === null ? null : iso(untilMs),
      })),
      verdicts: verdictsOf(at, fake.traffic, fake.nowMs),
      next_check_at: live ? iso(fake.nowMs + 5000) : null,
      draining: at.state === 'rolled_back' ? { jobs: 3, oldest_seconds: 130 } : null,
      legal_actions: legalActions(at, PLAN),
      drift: Object.keys(overlays.overlay),
      blast_radius:
        at.state === 'rolled_back' && fake.traffic === 'failing'
          ? {
              subjects_exposed: 8,
              jobs_failed: 9,
              jobs_rescued: 7,
              gpu_seconds_lost: 423,
              first_failure_at: iso(at.since - 5 * MINUTE),
              decided_at: iso(at.since),
              last_misrouted_submit_at: iso(at.since + 800),
            }
          : null,
    }
  }

  function port(): DashboardPort {
    const guard = async <T>(make: () => PortResult<T>): Promise<PortResult<T>> =>
      fake.unreachable ? refused('control_plane_unavailable', 'the release controller did not answer', []) : make()
    const known = <T>(asked: string, make: () => PortResult<T>): Promise<PortResult<T>> =>
      guard(() => (asked === name ? make() : refused('release_not_found', `no release "${asked}"`, [])))
    const stale = (ifMatch: number | null, version: number): boolean => ifMatch !== null && ifMatch !== version
    return {
      environment: 'production',
      actor: { who: fake.who, role: fake.role },
      nowMs: fake.nowMs,
      lastKnown: () => {
        const { stage, percent } = state
        return [{ release: name, state: state.state, stage, percent, ageSeconds: 42 }]
      },
      releases: () => guard(() => ({ ok: true, value: [viewOf(state)] })),
      release: (asked) => known(asked, () => ({ ok: true, value: viewOf(state) })),
      history: (asked) => known(asked, () => ({ ok: true, value: { items: [...history], next: null } })),
      counters: (asked, fromMs, toMs, stepMs) =>
        known(asked, () => ({ ok: true, value: invented(history, fake.traffic, fromMs, toMs, stepMs) })),
      report: (asked) => known(asked, () => ({ ok: true, value: aReport(name) })),
      jobs: (asked, filter) =>
        known(asked, () => {
          const items = state.startedAt === null ? [] : jobsAt(fake.nowMs)
          const wanted = items.filter(
            (job) =>
              (filter.arm === undefined || job.arm === filter.arm) &&
              (filter.status === undefined || job.status === filter.status) &&
              (filter.shadow === undefined || job.shadow === filter.shadow),
          )
          return { ok: true, value: { items: wanted, next: null } }
        }),
      pairs: (asked) =>
        known(asked, () => {
          const items = pairsAt(fake.nowMs)
          return { ok: true, value: { items: state.startedAt === null ? [] : items, next: null } }
        }),
      ...configPort(known),
      act: (asked, command, ifMatch) =>
        known<ReleaseView>(asked, () => {
          if (fake.role === 'viewer' || fake.role === 'tester') return refused('forbidden', 'needs operator', [])
          if (stale(ifMatch, state.version)) return refused('version_mismatch', 'the release changed', [])
          const wrong = v
            .safeParse(actionSchema, command)
            .issues?.map((issue) => issueDetail(v.getDotPath(issue) ?? '', issue))
          if (wrong) return { ok: false, code: 'invalid_request', message: 'the change is not valid', details: wrong }
          const wish = commandOf(command)
          if (command.dry_run) {
            const result = transition(state, wish, PLAN, facts(), command.reason)
            return result.ok ? { ok: true, value: viewOf(result.state) } : unmoved(result)
          }
          const done = apply(wish, fake.who, command.reason)
          return done.ok ? { ok: true, value: viewOf(state) } : done
        }),
    }
  }

  /** Where it can be reached. */
  function configPort(known: Known): ReturnType<ConfigFake['port']> {
    const real = overlays.port({ who: fake.who, role: fake.role })
    const reached = Object.entries(real).map(([method, ask]) => [
      method,
      async (asked: string, ...args: unknown[]) => {
        const there = await known<null>(asked, () => ({ ok: true, value: null }))
        return there.ok ? (ask as (...all: unknown[]) => unknown)(asked, ...args) : there
      },
    ])
    return Object.fromEntries(reached) as ReturnType<ConfigFake['port']>
  }

  return fake
}

type Known = <T>(asked: string, make: () => PortResult<T>) => Promise<PortResult<T>>

function commandOf(command: Parameters<DashboardPort['act']>[1]): Command {
  const { action, force } = command
  if (action === 'advance' || action === 'promote') return { action, force }
  if (action === 'start') return { action, stage: command.stage ?? 'shadow' }
  if (action === 'set_percent') return { action, percent: command.percent ?? Number.NaN }
  if (action === 'set_shadow')
    return {
      action,
      sample: command.sample ?? 1,
      ...(command.during_canary === undefined ? {} : { duringCanary: command.during_canary }),
    }
  return { action }
}

function refused(code: string, message: string, blockers: Blocker[]): PortRefusal {
  return { ok: false, code, message, details: blockers.map((b) => detail(b.code, b.code, b.message)) }
}

/** As the controller answers: with the legal actions, or with what is still missing. */
function unmoved({ code, message, legal, blockers }: Transition & { ok: false }): PortRefusal {
  if (code !== 'illegal_transition') return refused(code, message, blockers)
  return {
    ok: false,
    code,
    message,
    details: legal.map((action) => detail('action', 'legal_action', action, { action })),
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
