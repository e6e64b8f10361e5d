/** The commands that only look: status, explain, history, jobs, assign, report. */
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  assignmentSchema,
  historyEntrySchema,
  jobSchema,
  listOf,
  releaseSchema,
  type ReleaseView,
} from '../../src/api/index.ts'
import { reportSchema } from '../../src/api/experiment.ts'
import { reportLines } from '../../src/cli/report.ts'
import { styleFor } from '../../src/cli/terminal.ts'
import { counts, seconds, share } from '../core/experiment-fixtures.ts'
import { aReport } from '../support/report-view.ts'
import { run } from './run.ts'
import { blocker, canaryRelease, idleRelease, verdict } from './samples.ts'
import { type Control, startControl, TOKEN } from './control.ts'

const NAME = 'wan22_t2v_abtest'
let control: Control
const sluice = (...args: string[]) => run(args, { SLUICE_URL: control.url, SLUICE_TOKEN: TOKEN })

beforeEach(async () => {
  control = await startControl()
})
afterEach(() => control.stop())

describe('status', () => {
  it('says where it stands, how healthy, and shows the evidence', async () => {
    control.show(canaryRelease(NAME))
    const { code, out, err } = await sluice('status')
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^wan22_t2v_abtest {2}Canary at 5 %\. Healthy\.\n/)
    expect(out).toContain('shadow → 1 → [5] → 20 → 50 → 100 → completed')
    expect(out).toContain('5 % set, 4.87 % measured')
    expect(out).toMatch(/error_rate:job +pass +0\.4 % +1,250 +0\.42 % +23,800 +1 % +0\/5 +rollback/)
  })

  it('ends with code 3 on a breach, and when rolled back', async () => {
    control.show(canaryRelease(NAME, { verdicts: [verdict({ status: 'breach', value: 0.3 })] }))
    const breached = await sluice('status')
    expect([breached.code, breached.out]).toEqual([3, expect.stringContaining('Breached: error_rate:job.')])
    control.show(canaryRelease(NAME, { state: 'rolled_back', stage: 'rolled_back', percent: 0, verdicts: [] }))
    const rolledBack = await sluice('status')
    expect([rolledBack.code, rolledBack.out]).toEqual([3, expect.stringContaining('Rolled back: control serves')])
    expect(rolledBack.out).not.toContain('this stage needs')
  })

  it('of several releases names each to choose from, also one that does not answer', async () => {
    control.show(canaryRelease('first'), idleRelease('second'))
    control.controller.unreachable = true
    const { code, err } = await sluice('status')
    expect([code, err]).toEqual([
      2,
      'sluice: several releases: name one with --release\n' +
        '  --release first   does not answer: its controller is away\n' +
        '  --release second   at idle\n',
    ])
    expect((await sluice('status', '--release', 'second')).code).toBe(0)
    const silent = await sluice('status', '--release', 'first')
    expect([silent.code, silent.err]).toEqual([1, expect.stringContaining('wrangler secret put SLUICE_FORCE_CONTROL')])
  })

  it('says first that break-glass is set', async () => {
    control.show(canaryRelease(NAME, { forced_control: true }))
    expect((await sluice('status')).out).toMatch(/^.*Canary at 5 %\. Break-glass: control serves every new submit\./)
  })

  it('names the errors behind a rate by class', async () => {
    const evidence = { events: 23, baselineEvents: 1, job_failed: 3, job_timeout: 20 }
    control.show(canaryRelease(NAME, { verdicts: [verdict({ status: 'breach', value: 0.96, evidence })] }))
    expect((await sluice('status')).out).toMatch(/rollback +20 job_timeout, 3 job_failed\n/)
  })

  it('counts the jobs that ended without saying anything', async () => {
    const unseen = verdict({ status: 'no_data', value: null, n: 0, evidence: { not_observed: 40, unseen: 40 } })
    control.show(canaryRelease(NAME, { verdicts: [unseen] }))
    expect((await sluice('status')).out).toMatch(/no data .* rollback +40 not_observed\n/)
  })

  it('tells each thing that it waits for once, without a label that its words begin with', async () => {
    const until = '2099-01-01T00:00:00.000Z'
    const words = ['error_rate:job: no candidate jobs yet', 'latency_p99:job: no candidate jobs yet']
    const blocked_by = [
      ...words.map((message) => blocker('guardrail', message)),
      blocker('bake', 'bake: 12 min of 30 min left', until),
    ]
    control.show(canaryRelease(NAME, { blocked_by }))
    const { out } = await sluice('status')
    expect(/\nWaits for\n((?: .*\n)+)/.exec(out)?.[1]?.trimEnd().split('\n')).toEqual([
      ...words.map((message) => `  ${message}`),
      expect.stringMatching(/^ {2}bake: 12 min of 30 min left \(ends in .*\)$/),
    ])
  })

  it('names the rungs that the run skipped apart from those ahead', async () => {
    const ladderOf = async (changes: Partial<ReleaseView>) => {
      control.show(canaryRelease(NAME, changes))
      return /^ladder +(.*)/m.exec((await sluice('status')).out)?.[1]
    }
    expect(await ladderOf({})).toBe('shadow → 1 → [5] → 20 → 50 → 100 → completed')
    expect(await ladderOf({ visited: ['canary-5'] })).toBe('[5] → 20 → 50 → 100 → completed   skipped shadow, 1')
    const back = { state: 'rolled_back', stage: 'rolled_back', percent: 0, verdicts: [] } as const
    expect(await ladderOf({ ...back, verdicts: [], visited: ['shadow', 'canary-5', 'rolled_back'] })).toBe(
      'shadow → 5 → 20 → 50 → 100 → completed   now rolled_back   skipped 1',
    )
  })

  it('does not call healthy what is not judged yet', async () => {
    control.show(
      canaryRelease(NAME, {
        verdicts: [verdict({ status: 'no_data', value: null, n: 0 })],
        blocked_by: [blocker('guardrail', 'job error rate: no data')],
      }),
    )
    const { code, out } = await sluice('status')
    expect(code).toBe(0)
    expect(out).toContain('Not enough data yet.')
  })

  it('prints the API’s JSON with --json, wherever the option stands', async () => {
    control.show(canaryRelease(NAME))
    for (const args of [
      ['--json', 'status'],
      ['status', '--json'],
    ]) {
      const { out } = await sluice(...args)
      expect(v.parse(releaseSchema, JSON.parse(out))).toEqual(canaryRelease(NAME))
    }
  })

  it('lets no escape sequence of a reason through to the terminal', async () => {
    control.show(canaryRelease(NAME, { reason: 'fine\u001b]0;owned\u0007\u001b[2J\u009b31m' }))
    const { out } = await sluice('status')
    expect(out).toContain('fine ]0;owned [2J')
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })
})

describe('explain', () => {
  it('lists what blocks, until when, and what would help', async () => {
    const until = '2099-01-01T00:00:00.000Z'
    const blocked_by = [
      blocker('bake', 'bake: 12 min of 30 min left', until),
      blocker('guardrail', 'error_rate:job: inconclusive'),
    ]
    const verdicts = [verdict({ status: 'inconclusive', message: 'Too few jobs.' }), verdict({ guardrail: 'other' })]
    control.show(canaryRelease(NAME, { blocked_by, verdicts }))
    const { code, out } = await sluice('explain')
    expect(code).toBe(0)
    expect(out).toContain('It does not advance to canary-20 (20 %), because:')
    expect(out).toContain('1. bake: 12 min of 30 min left. It ends by itself in')
    expect(out).toContain('What would help: Time alone')
    expect(out).toContain('2. error_rate:job: inconclusive.')
    expect(out).toContain('error_rate:job (rollback on a breach): inconclusive. Too few jobs.')
    expect(out).not.toContain('other (rollback')
  })

  it('says that nothing blocks, and who acts', async () => {
    control.show(canaryRelease(NAME))
    expect((await sluice('explain')).out).toContain('needs an operator to advance to canary-20')
    control.show(canaryRelease(NAME, { advance: 'auto' }))
    expect((await sluice('explain')).out).toContain('it will advance to canary-20 (20 %) automatically')
  })

  it('prints what others wrote as escapes, in JSON of every kind', async () => {
    const reason = 'bad\u009b31m\u202e\u2028'
    control.show(canaryRelease(NAME, { state: 'completed', stage: 'completed', reason }))
    for (const args of [['status', '--json'], ['status', '--json', '--watch', '--until-done'], ['status']]) {
      const { out } = await sluice(...args)
      expect(out).toContain('bad')
      expect(out).not.toMatch(/[\u009b\u202e\u2028]/)
      if (args.includes('--json')) expect(JSON.parse(out)).toMatchObject({ reason })
    }
  })

  it('names promote as the step after the last rung', async () => {
    control.show(
      canaryRelease(NAME, {
        stage: 'canary-100',
        percent: 100,
        next: { stage: 'completed', percent: 100 },
        legal_actions: ['promote', 'rollback'],
      }),
    )
    expect((await sluice('explain')).out).toContain('needs an operator to complete (promote).')
    expect((await sluice('status')).out).toContain('completed, needs an operator (sluice promote)')
  })

  it('counts jobs against what a stage needs, where it needs any', async () => {
    const jobsOf = async (needed: number) => {
      control.show(canaryRelease(NAME, { jobs: { finished: 18, needed }, blocked_by: [] }))
      return /jobs +(.*)/.exec((await sluice('status')).out)?.[1]
    }
    expect(await jobsOf(50)).toBe('18 finished candidate jobs; this stage needs 50')
    expect(await jobsOf(0)).toBe('18 finished candidate jobs; this stage needs none')
    control.show(canaryRelease(NAME, { state: 'completed', stage: 'completed', percent: 100, next: null }))
    expect((await sluice('status')).out).not.toMatch(/^jobs/m)
  })

  it('tells the damage and what drains after a rollback', async () => {
    const blast_radius = {
      subjects_exposed: 120,
      jobs_failed: 14,
      jobs_rescued: 2,
      gpu_seconds_lost: 830.4,
      first_failure_at: '2026-11-24T08:04:00.000Z',
      decided_at: '2026-11-24T08:04:20.000Z',
      last_misrouted_submit_at: null,
    }
    control.show(
      canaryRelease(NAME, {
        state: 'rolled_back',
        stage: 'rolled_back',
        percent: 0,
        blast_radius,
        draining: { jobs: 3, oldest_seconds: 400 },
        blocked_by: [blocker('rolled_back', 'a reset by an operator')],
      }),
    )
    const { out } = await sluice('explain')
    expect(out).toContain(
      '120 subjects exposed, 14 jobs failed, 2 of them rescued, 830 GPU seconds spent on failed jobs and copies',
    )
    expect(out).toContain('Draining: 3 jobs')
    expect(out).toContain('sluice reset')
    const idle = { ...idleRelease(NAME), blast_radius }
    control.show(idle)
    // What an idle release shows, its controller's view does not have.
    control.controller.shown = () => idle
    expect((await sluice('explain')).out).toContain('Damage of the last run: 120 subjects')
    expect((await sluice('status')).out).toMatch(/damage .*; the last run's, rolled back 2026-11-24 08:04:20Z\n/)
  })
})

describe('lists', () => {
  it('shows the history newest first, over as many pages as asked for', async () => {
    for (const args of [['start'], ['advance', '--force'], ['advance', '--force'], ['rollback', '-m', '视频质量下降']])
      await sluice(...args)
    const { code, out } = await sluice('history', '--limit', '3')
    expect(code).toBe(0)
    const lines = out.trimEnd().split('\n')
    expect(lines).toHaveLength(4)
    expect(lines[1]).toMatch(/token:test {2}rollback +canary-5 \(5 %\) +rolled_back +视频质量下降$/)
    const { out: json } = await sluice('history', '--json')
    expect(v.parse(listOf(historyEntrySchema), JSON.parse(json)).items).toEqual(
      (await control.controller.history(null, 10)).items,
    )
  })

  it('marks a change that went past the review', async () => {
    for (const args of [['start'], ['advance', '--force']]) await sluice(...args)
    control.controller.entries[0] = {
      ...control.controller.entries[0]!,
      action: 'configure',
      evidence: { break_glass: true },
    }
    const lines = (await sluice('history')).out.split('\n')
    expect(lines[1]).toMatch(/ configure \(break-glass\) /)
    expect(lines[2]).not.toContain('break-glass')
  })

  it('says by which ends jobs can be chosen', async () => {
    const { out } = await sluice('jobs', '--help')
    expect(out.replaceAll(/\s+/g, ' ')).toContain('open, succeeded, failed, cancelled, lost, timeout or not_observed')
  })

  it('shows and filters jobs', async () => {
    const { out } = await sluice('jobs')
    expect(out).toMatch(/candidate \(shadow\) +canary-5 +succeeded +ok +1 min 34 s +vid_3/)
    const filtered = await sluice('jobs', '--arm', 'candidate', '--no-shadow', '--json')
    expect(v.parse(listOf(jobSchema), JSON.parse(filtered.out)).items.map((job) => job.id)).toEqual(['vid_2'])
  })

  it('says so when there is nothing', async () => {
    expect((await sluice('history')).out).toBe('Nothing has happened yet.\n')
  })
})

describe('assign', () => {
  it('says which arm, and why, for any subject', async () => {
    control.show(canaryRelease(NAME))
    const { out } = await sluice('assign', 'user 39/ü')
    expect(out).toContain('user 39/ü gets candidate of wan22_t2v_abtest: it stands at 96.82 of 100')
    expect(out).toContain('the candidate begins at 95')
    const { out: json } = await sluice('assign', 'user 39/ü', '--json')
    expect(v.parse(assignmentSchema, JSON.parse(json)).subject).toBe('user 39/ü')
  })
})

describe('report', () => {
  it('tells the decision, why, and the figures behind it', async () => {
    const { code, out } = await sluice('report')
    expect(code).toBe(0)
    expect(out).toContain('Decision: hold')
    expect(out).toContain('a finished video costs 36.1 % more; the limit is 20 %')
    expect(out).toMatch(/play +primary +67\.2 % +73\.0 % +\+8\.7 % +\(\+6\.9 % to \+10\.5 %\) +p 7\.3e-23/)
    expect(out).toContain('7 of 7 whole days')
  })

  it('tells of shadow pairs and, when asked to try it, of control against itself', async () => {
    const { code, out } = await sluice('report', '--self-check')
    expect([code, out.includes('control against itself')]).toEqual([0, true])
    const text = reportLines(aReport(NAME), styleFor({}, {})).join('\n')
    expect(text).toMatch(/ssim +120 +-0\.012 +-0\.0\d+ to [-\d.]+ +(worse|open)/)
    expect(text).toMatch(/control against itself.*\n-*\s*play +38 of 1000 +up to 40 +0\.021 \(p 0\.77\)/)
  })

  it('says why nothing was tried of control against itself', () => {
    const selfCheck = { atMs: 0, metrics: [] }
    const text = reportLines(aReport(NAME, { selfCheck }), styleFor({}, {})).join('\n')
    expect(text).toContain('control against itself: nothing to try, each metric needs 200 subjects on control')
  })

  it('tells under a reason what is still needed', () => {
    const days = counts('play', share(670, 1000), share(672, 1000))
    const lines = reportLines(aReport(NAME, { days, fixed: null }), styleFor({}, {}))
    const planned = lines.findIndex((line) =>
      line.includes('1000 control and 1000 candidate subjects of 1232 and 1232'),
    )
    expect(lines[planned + 1]).toBe('    needed: 232 more subjects on control, 232 on the candidate (about 1.7 days)')
  })

  it('says that nobody knows yet how many are needed where control’s figures are still 0, and not that none are', () => {
    const lines = reportLines(aReport(NAME, { days: counts('play', share(0, 22), share(0, 18)) }), styleFor({}, {}))
    expect(lines).toContain(
      '  22 subjects measured on control, 18 on the candidate (not yet known how many are needed)',
    )
  })

  it('tells what it takes to show a cost to be within its limit', () => {
    const spread = (mean: number) => ({ ...seconds(mean, 1000), m2Y: 1000 * 1600 })
    const report = aReport(NAME, { gpuSeconds: { control: spread(60), candidate: spread(69) } })
    const text = reportLines(report, styleFor({}, {})).join('\n')
    expect(text).toMatch(
      /cost of a finished video changed by \+15 % \(.*\): not yet shown to be within the limit of 20 %/,
    )
    expect(text).toMatch(
      /needed: [\d,]+ more finished videos on control, [\d,]+ on the candidate \(about [\d.]+ days\)/,
    )
    expect(text).toContain('unproven (limit +20.0 %)')
  })

  it('prints it as Markdown for a ticket, in the language that is asked for', async () => {
    const { code, out } = await sluice('report', '--markdown')
    expect(code).toBe(0)
    expect(out).toMatch(/^## wan22\\_t2v\\_abtest: Better, but too expensive\. Hold\.\n\n\*\*hold\*\* · /)
    expect(out).toMatch(/\n- A finished video costs 36\.1\u00a0% more; the limit is 20\u00a0%\./)
    expect(out).toMatch(
      /\n\| play \(primary\) \| 67\.2\u00a0% \| 73\.0\u00a0% \| \+8\.7\u00a0% \(.*\) \| p 7\.3e-23 \|\n/,
    )
    expect(out).toContain('- [x] 7 of 7 whole days')
    expect((await sluice('report', '--markdown', '--lang', 'zh')).out).toContain('- [x] 7 / 7 个整天')
    const other = await sluice('report', '--markdown', '--lang', 'cn')
    expect([other.code, other.out, other.err]).toEqual([2, '', expect.stringContaining('Allowed choices are en, zh')])
    expect((await sluice('report', '--markdown', '--release', 'nope')).err).toContain('no release is named "nope"')
  })

  it('prints all of it as JSON', async () => {
    const { out } = await sluice('report', '--json')
    expect(v.parse(reportSchema, JSON.parse(out)).decision.decision).toBe('hold')
  })

  it('tells a release that is not there', async () => {
    expect((await sluice('report', '--release', 'nope')).err).toContain('no release is named "nope"')
  })
})

describe('the release that is meant', () => {
  it('is the only one, or must be named', async () => {
    control.show(idleRelease('one'), canaryRelease('two_ü'))
    const { code, err } = await sluice('status')
    expect(code).toBe(2)
    expect(err).toContain('--release one   at idle')
    expect(err).toContain('--release two_ü   at canary-5 (5 %)')
    expect((await sluice('status', '--release', 'two_ü')).out).toContain('Canary at 5 %')
  })

  it('is missing when the gateway has none', async () => {
    control.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"items":[],"next":null}')
      return true
    }
    const { code, err } = await sluice('status')
    expect([code, err]).toEqual([1, expect.stringContaining('has no release')])
  })
})
