/** The first line of a release's page, for each situation that somebody may find at night. */
import { describe, expect, test } from 'vitest'
import type { HistoryEntry, ReleaseView, VerdictView } from '../../src/api/index.ts'
import { plain } from '../../src/dashboard/format.ts'
import { headline } from '../../src/dashboard/headline.ts'
import { en, zh } from '../../src/dashboard/text/index.ts'
import { waits } from '../../src/dashboard/waits.ts'
import { DashboardRelease } from '../support/dashboard-release.ts'

const NOW = Date.parse('2026-11-24T14:32:00Z')
const later = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()

const base = ((): ReleaseView => {
  const fake = new DashboardRelease({ name: 'wan22', startMs: NOW })
  fake.do({ action: 'start', stage: 'canary-5' }, 'token:oncall', 'x')
  return { ...fake.view(), blocked_by: [], next_check_at: later(5) }
})()
const verdict: VerdictView = base.verdicts[0]!

const breach: VerdictView = {
  ...verdict,
  status: 'breach',
  value: 0.079,
  windows: { ...verdict.windows, bad: 5, needed: 5 },
}

function read(change: Partial<ReleaseView>, rollback: HistoryEntry | null = null, text = en) {
  const head = headline({ ...base, ...change }, rollback, NOW, text)
  return { title: head.title, sentence: plain(head.sentence).replaceAll('\u00a0', ' '), badge: head.badge }
}

const rolledBack: HistoryEntry = {
  id: '9',
  at: later(-120),
  who: 'system:guardrail',
  action: 'rollback',
  reason: 'job error rate 7.9 % > 1 %',
  from: { stage: 'canary-5', percent: 5 },
  to: { stage: 'rolled_back', percent: 0 },
  epoch: 4,
  version: 9,
}

describe('the headline', () => {
  test('of a release that is not started says who serves and how to begin', () => {
    const { title, sentence, badge } = read({ state: 'idle', stage: 'idle', percent: 0, verdicts: [], next: null })
    expect(title).toBe('Not started.')
    expect(sentence).toContain('Everybody is served by Wan2.1. Start in shadow')
    expect(badge.tone).toBe('quiet')
    const draining = { jobs: 3, oldest_seconds: 130 }
    expect(read({ state: 'idle', stage: 'idle', percent: 0, verdicts: [], next: null, draining }).sentence).toMatch(
      /nobody sees its videos\. 3 jobs still finish on the candidate, the oldest is 2 min 10 s old\.$/,
    )
  })

  test('of a shadow says how much is copied and that nobody is served by the candidate', () => {
    const shadow = { ...base.shadow, active: true, sample: 0.5 }
    const { title, sentence } = read({ state: 'shadow', stage: 'shadow', percent: 0, shadow })
    expect(title).toBe('Shadow, 50\u00a0% copied. Healthy.')
    expect(sentence).toMatch(/^Nobody is served by the candidate\. Next step is/)
    const off = read({ state: 'shadow', stage: 'shadow', percent: 0, shadow: { ...shadow, active: false } })
    expect(off.title).toBe('Shadow, but nothing is copied. Healthy.')
  })

  test('of a healthy canary says what the next step waits for', () => {
    const { title, sentence, badge } = read({
      clock_started_at: later(-18 * 60),
      jobs: { finished: 47, needed: 50 },
      blocked_by: [
        { code: 'bake', message: '', until: later(12 * 60) },
        { code: 'min_jobs', message: '', until: null },
        { code: 'approval', message: '', until: null },
      ],
    })
    expect(title).toBe('Canary at 5\u00a0%. Healthy.')
    expect(sentence).toBe(
      'Next step is 20 %, in 12 min at the earliest. It also waits for 3 more candidate jobs (47 of 50) and an approval. Needs an operator.',
    )
    expect(badge).toEqual({ word: 'healthy', tone: 'good' })
  })

  test('of a canary with nothing in its way says so, and who takes the step', () => {
    expect(read({}).sentence).toBe('Next step is 20 %. Nothing is in its way. Needs an operator.')
    expect(read({ advance: 'auto' }).sentence).toContain('Advances automatically.')
  })

  test('of the last rung names the promotion', () => {
    const { title, sentence } = read({ stage: 'canary-100', percent: 100, next: { stage: 'completed', percent: 100 } })
    expect(title).toBe('Canary at 100\u00a0%. Healthy.')
    expect(sentence).toMatch(/^The last step is promote\./)
  })

  test('of a release that promotes by itself does not ask for anybody at the last rung', () => {
    const last = { stage: 'canary-100', percent: 100, next: { stage: 'completed', percent: 100 } }
    expect(read({ ...last, advance: 'auto' }).sentence).toContain('Promotes automatically.')
    expect(read({ ...last, advance: 'manual' }).sentence).toContain('Needs an operator.')
    // A ladder that ends below 100 % has no step left that anything could take.
    expect(read({ stage: 'canary-50', percent: 50, next: null, advance: 'auto' }).sentence).toBe(
      'There is no next step: the ladder ends at 50 %, and only 100 % can be promoted.',
    )
  })

  test('of a paused release says that guardrails still act', () => {
    const { title, sentence } = read({ paused: true, blocked_by: [{ code: 'paused', message: '', until: null }] })
    expect(title).toBe('Canary at 5\u00a0%. Paused. Healthy.')
    expect(sentence).toContain('guardrails still act, but nothing advances')
  })

  test('with bad windows that are not enough counts them', () => {
    const bad = { ...verdict, status: 'pass' as const, windows: { ...verdict.windows, bad: 2, needed: 5 } }
    const { title, sentence, badge } = read({ verdicts: [bad] })
    expect(title).toContain('Bad windows, not yet a breach.')
    expect(sentence).toMatch(/^Job error rate was bad in 2 of 5 windows in a row\./)
    expect(badge.tone).toBe('wait')
  })

  test('with too little data is neither healthy nor alarming', () => {
    const { title, badge, sentence } = read({
      verdicts: [{ ...verdict, status: 'inconclusive', value: null }],
      blocked_by: [{ code: 'guardrail', message: '', until: null }],
    })
    expect(title).toContain('Too little data yet.')
    expect(badge.tone).toBe('wait')
    expect(sentence).toContain('It waits for 1 guardrail to pass.')
  })

  test('with both arms bad says that nothing is rolled back', () => {
    const { title, sentence, badge } = read({ verdicts: [{ ...verdict, status: 'breach', note: 'both_bad' }] })
    expect(title).toContain('Both arms are bad')
    expect(sentence).toContain('nothing is rolled back')
    expect(badge.tone).toBe('wait')
  })

  test('of a breach names the guardrail, its figure and its limit', () => {
    const { title, sentence, badge } = read({ verdicts: [{ ...verdict, status: 'breach', value: 0.079 }] })
    expect(title).toContain('A guardrail is breached.')
    expect(sentence).toMatch(/^Job error rate is 7\.9 %, limit 1 %\./)
    expect(badge.tone).toBe('bad')
  })

  test('of a release whose checks stopped does not say healthy', () => {
    const { title, sentence, badge } = read({ next_check_at: later(-20) })
    expect(title).toBe('Canary at 5\u00a0%. Guardrails are not being evaluated.')
    expect(sentence).toContain('The check that was due 20 s ago has not happened')
    expect(badge.tone).toBe('bad')
  })

  test('of a rollback for want of data, or by a decision, gives its reason', () => {
    const change = { state: 'rolled_back' as const, stage: 'rolled_back', percent: 0, verdicts: [breach] }
    for (const by of [
      {
        ...rolledBack,
        evidence: { verdict: { ...breach, status: 'no_data', value: null, message: rolledBack.reason } },
      },
      { ...rolledBack, who: 'system:experiment', evidence: { decision: {} } },
    ])
      expect(read(change, by).sentence).toMatch(/^Reason: “job error rate 7\.9 % > 1 %”/)
  })

  test('of a rollback by the guardrails tells figure, time, damage and what still drains', () => {
    const { title, sentence } = read(
      {
        state: 'rolled_back',
        stage: 'rolled_back',
        percent: 0,
        // Others may be in breach as well, and stand before it.
        verdicts: [{ ...breach, metric: 'latency_p99', action: 'rollback' }, breach],
        draining: { jobs: 3, oldest_seconds: 130 },
        blast_radius: {
          subjects_exposed: 8,
          jobs_failed: 9,
          jobs_rescued: 7,
          gpu_seconds_lost: 0,
          first_failure_at: null,
          decided_at: later(0),
          last_misrouted_submit_at: later(0.8),
        },
      },
      { ...rolledBack, evidence: { verdict: breach } },
    )
    expect(title).toBe('Rolled back from 5\u00a0%, automatically.')
    expect(sentence).toBe(
      'Job error rate of the candidate was 7.9 % (limit 1 %, control 0.38 %) in 5 of 5 windows. ' +
        'Decided 14:32:00, last misrouted submit 0.8 s later. 9 jobs failed, 8 subjects were exposed to the candidate, 7 jobs were rescued. ' +
        '3 jobs still finish on the candidate, the oldest is 2 min 10 s old.',
    )
  })

  test('of a rollback whose history was not read, as in the list of releases, does not say who it was', () => {
    const change = { state: 'rolled_back', stage: 'rolled_back', percent: 0 } as const
    expect(read(change).title).toBe('Rolled back.')
    expect(read(change, null, zh).title).toBe('已回滚。')
  })

  test('of a rollback by a person gives the reason', () => {
    const by = { ...rolledBack, who: 'token:oncall', reason: 'faces melt' }
    const { title, sentence } = read({ state: 'rolled_back', stage: 'rolled_back', percent: 0, draining: null }, by)
    expect(title).toBe('Rolled back from 5\u00a0%, by an operator.')
    expect(sentence).toBe('Reason: “faces melt”. Decided 14:30:00. No job is left on the candidate.')
  })

  test('of a completed release says that guardrails are still active', () => {
    const { title, sentence } = read({ state: 'completed', stage: 'completed', percent: 100, next: null })
    expect(title).toBe('Completed.')
    expect(sentence).toContain('Everybody is served by Wan2.2-T2V-A14B. Guardrails are still active')
  })

  test('is written in Chinese from the same state', () => {
    const { title, sentence } = read({ blocked_by: [{ code: 'approval', message: '', until: null }] }, null, zh)
    expect(title).toBe('灰度 5%。健康。')
    expect(sentence).toBe('下一步是 20%。要等：批准。需要操作员执行。')
  })
})

describe('what the next step waits for', () => {
  test('lists what is open before what is met, guardrails by name', () => {
    const list = waits(
      {
        ...base,
        jobs: { finished: 47, needed: 50 },
        verdicts: [verdict, { ...verdict, guardrail: 'latency_p99:job', metric: 'latency_p99', status: 'no_data' }],
        blocked_by: [
          { code: 'guardrail', message: '', guardrail: 'latency_p99:job', until: null },
          { code: 'min_jobs', message: '', until: null },
        ],
      },
      NOW,
      en,
    )
    expect(list.map(({ done, words }) => `${done ? 'met' : 'open'}: ${plain(words)}`)).toEqual([
      'open: 3 more candidate jobs (47 of 50)',
      'open: Job time p99: no data',
      'met: bake over',
      'met: approved',
      'met: no freeze',
    ])
  })

  test('tells guardrails that share name and verdict once, and how many they are', () => {
    const silent = { ...verdict, status: 'no_data' as const, evidence: {} }
    const slow = { ...silent, guardrail: 'latency_p99:job', metric: 'latency_p99' }
    const verdicts = [silent, { ...silent, guardrail: 'error_rate:job:2' }, slow]
    const blocked_by = verdicts.map(({ guardrail }) => ({
      code: 'guardrail' as const,
      message: '',
      guardrail,
      until: null,
    }))
    const openIn = (text: typeof en) =>
      waits({ ...base, verdicts, blocked_by }, NOW, text).flatMap(({ done, words }) => (done ? [] : [plain(words)]))
    expect(openIn(en)).toEqual(['Job error rate: no data (2 guardrails)', 'Job time p99: no data'])
    expect(openIn(zh)).toEqual(['作业错误率：无数据（2 项护栏）', '作业耗时 p99：无数据'])
  })

  test('names no guardrail that is waived, neither as open nor as one that passes', () => {
    const waived = { ...verdict, guardrail: 'latency_p99:job', metric: 'latency_p99', status: 'no_data' as const }
    const short = { ...verdict, status: 'inconclusive' as const }
    const listed = (blocked_by: ReleaseView['blocked_by'], own: typeof verdict = short) =>
      waits({ ...base, verdicts: [own, waived], blocked_by }, NOW, en)
        .map(({ words }) => plain(words))
        .join('; ')
    const isOpen = { code: 'guardrail' as const, message: '', guardrail: short.guardrail, until: null }
    expect(listed([isOpen])).toMatch(/^Job error rate: [^;]*; (?!.*(p99|all guardrails))/)
    expect(listed([], verdict)).not.toMatch(/p99|guardrails/)
  })
})
