/** What holds of the state machine after any sequence of commands, ticks and verdicts. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockers, frozen } from '../../src/core/gates.ts'
import { canaryStage, initialState, type Plan } from '../../src/core/release.ts'
import { type Command, type Place, transition } from '../../src/core/transitions.ts'
import { facts, NOW, plan, rung, verdict } from './release-fixtures.ts'

describe('any sequence of commands, ticks and verdicts', () => {
  /** One step of a history: who commands what, under which facts, how long after the step before. */
  interface Step {
    by: 'person' | 'system'
    command: Command
    laterMs: number
    finishedJobs: number
    status: 'pass' | 'breach' | 'inconclusive' | 'no_data'
    jobEnded: boolean
    ladder: readonly number[]
  }

  const command: fc.Arbitrary<[Step['by'], Command]> = fc.oneof(
    ...(
      [
        { action: 'start' },
        { action: 'start', stage: 'canary-5' },
        { action: 'advance', force: false },
        { action: 'advance', force: true },
        { action: 'promote', force: false },
        { action: 'promote', force: true },
        { action: 'pause' },
        { action: 'resume' },
        { action: 'rollback' },
        { action: 'reset' },
        { action: 'approve' },
        { action: 'set_shadow', sample: 0.5 },
        { action: 'reconfigure', judged: true },
        { action: 'reconfigure', judged: false },
      ] as Command[]
    ).map((each) => fc.constant<[Step['by'], Command]>(['person', each])),
    fc.nat(100).map((percent): [Step['by'], Command] => ['person', { action: 'set_percent', percent }]),
    // What ticks do by themselves.
    ...(
      [
        { action: 'advance', force: false },
        { action: 'promote', force: false },
        { action: 'pause' },
        { action: 'rollback' },
      ] as Command[]
    ).map((each) => fc.constant<[Step['by'], Command]>(['system', each])),
  )

  const step: fc.Arbitrary<Step> = fc
    .record({
      who: command,
      laterMs: fc.nat(100_000),
      finishedJobs: fc.constantFrom(0, 49, 50, 1000),
      status: fc.constantFrom('pass', 'pass', 'pass', 'breach', 'inconclusive', 'no_data'),
      jobEnded: fc.boolean(),
      ladder: fc.constantFrom<number[][]>([1, 5, 20, 100], [1, 5, 20, 100], [5, 50], [2, 10, 99.5]),
    })
    .map(({ who: [by, each], ...rest }) => ({ by, command: each, ...rest }))

  it('keeps the invariants', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = NOW
        let at = initialState(now)
        const audit: { from: Place; to: Place; version: number }[] = []
        let setByHand: number | null = null
        for (const each of steps) {
          now += each.laterMs
          // As a tick notes it: the stage's clock starts with its first finished job.
          if (each.jobEnded && at.state !== 'idle' && at.clockStartedAt === null) at = { ...at, clockStartedAt: now }
          const goingBy: Plan = plan({
            ladder: each.ladder.map((percent) => rung(percent)),
            freeze: [{ fromMs: NOW + 400_000, toMs: NOW + 900_000, why: '' }],
          })
          const known = facts({ now, finishedJobs: each.finishedJobs, verdicts: [verdict({ status: each.status })] })
          const before = structuredClone(at)
          const done = transition(at, each.command, goingBy, known, 'why')
          expect(at).toEqual(before)
          if (!done.ok) continue
          const next = done.state
          audit.push({ from: done.from, to: done.to, version: next.version })

          expect(next.version).toBe(at.version + 1)
          expect(next.epoch).toBeGreaterThanOrEqual(at.epoch)
          const moved = next.stage !== at.stage || next.percent !== at.percent
          if (moved) expect(next.epoch).toBeGreaterThan(at.epoch)
          if (each.by === 'system' && at.state === 'rolled_back') expect(next.state).toBe('rolled_back')
          if (at.state === 'rolled_back' && next.state !== 'rolled_back') expect(each.command.action).toBe('reset')

          if (next.state === 'completed' && at.state !== 'completed') expect([at.percent, at.rung]).toEqual([100, 100])
          if (each.command.action === 'advance') expect(next.percent).toBeGreaterThanOrEqual(at.percent)

          const climbs = each.command.action === 'advance' || each.command.action === 'promote'
          if (climbs) {
            expect(at.paused).toBe(false)
            expect(frozen(goingBy, now)).toEqual([])
            if ('force' in each.command && !each.command.force) expect(blockers(at, goingBy, known)).toEqual([])
          }
          if (at.paused && next.paused) expect([next.stage, next.state]).toEqual([at.stage, at.state])

          if (each.command.action === 'set_percent') setByHand = next.percent
          else if (moved) setByHand = null
          switch (next.state) {
            case 'canary':
              if (setByHand === null) {
                expect(next.percent).toBe(next.rung)
                if (moved) expect(each.ladder).toContain(next.percent)
              } else expect(next.percent).toBe(setByHand)
              expect(next.stage).toBe(canaryStage(next.rung!))
              break
            case 'completed':
              expect([next.percent, next.rung]).toEqual([100, null])
              break
            default:
              expect([next.percent, next.rung]).toEqual([0, null])
          }
          at = next
        }
        // One entry for each version, and each begins where the one before ended.
        expect(audit.map(({ version }) => version)).toEqual(audit.map((_, i) => i + 1))
        expect(audit.slice(1).map(({ from }) => from)).toEqual(audit.slice(0, -1).map(({ to }) => to))
      }),
      { numRuns: 3000 },
    )
  })
})
