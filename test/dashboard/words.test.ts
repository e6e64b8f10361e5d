/** Words made of figures: verdicts, refusals and places, in the language of the page and never in another. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { detail, type ErrorDetail } from '../../src/core/errors.ts'
import { lacking } from '../../src/core/guardrails/index.ts'
import { initialState } from '../../src/core/release.ts'
import { limitWords, statusWord, verdictSentence } from '../../src/dashboard/guardrail-words.ts'
import { neededWords, reasonWords } from '../../src/dashboard/report-words.ts'
import { plain } from '../../src/dashboard/format.ts'
import { reportMarkdown } from '../../src/dashboard/report-markdown.ts'
import { refusalWords, wrongs } from '../../src/dashboard/refusal-words.ts'
import { verdictView } from '../../src/durable/controller/view.ts'
import { en, zh } from '../../src/dashboard/text/index.ts'
import { zhDetails } from '../../src/dashboard/text/zh-config.ts'
import { counts, DAY_MS, seconds, share, START } from '../core/experiment-fixtures.ts'
import { aReport } from '../support/report-view.ts'
import { verdictsOf } from '../support/dashboard-traffic.ts'
import { DashboardRelease } from '../support/dashboard-release.ts'

const PAGE = '/_sluice/releases/wan22_t2v_abtest'
const running = { ...initialState(0), state: 'canary' as const, epoch: 1 }
const [rate, latency, fast, sequential, signal] = verdictsOf(running, 'failing', 1_000_000).map(verdictView)

async function read(
  fake: DashboardRelease,
  path: string,
  lang = 'en',
  fields?: Record<string, string>,
): Promise<string> {
  return (await fake.ask(path, { lang, fields })).text()
}

function inCanary(): DashboardRelease {
  const fake = new DashboardRelease()
  fake.do({ action: 'start' }, 'token:oncall', 'new weights')
  fake.do({ action: 'advance', force: true }, 'system:auto', 'bake over')
  return fake
}

describe('a verdict', () => {
  test('tells what its limit goes with: windows, a span, or α', () => {
    expect(limitWords(rate!, en)).toBe('> 1\u00a0% in 5 windows')
    expect(limitWords(fast!, en)).toBe('> 50\u00a0% in 10\u00a0s')
    expect(limitWords(fast!, zh)).toBe('> 50%，10\u00a0秒内')
    expect(limitWords(sequential!, en)).toBe('> 1.38\u00a0%, α 0.01')
    expect(limitWords(signal!, en)).toBe('> 233')
  })

  test('is the API’s sentence in English, and the same figures in Chinese', () => {
    expect(verdictSentence(rate!, en)).toBe(rate!.message)
    expect(verdictSentence(rate!, zh)).toBe(
      '作业错误率：越限。候选 7.9%（共 412）：作业超时 30、作业失败 3；对照 0.38%（共 7,912）；触发条件 > 1%，连续 5 个窗口；连续异常窗口 5/5。',
    )
    expect(verdictSentence(latency!, zh)).toContain('候选 47.1\u00a0秒（共 412）；对照 41\u00a0秒')
    expect(verdictSentence(signal!, zh)).toContain('fvd：无数据。候选 –；')
  })

  test('without data names the ends that brought none, and asks to look at the polls where nobody saw them', () => {
    const unseen = {
      ...rate!,
      status: 'no_data' as const,
      value: null,
      n: 0,
      evidence: { not_observed: 40, cancelled: 2, unseen: 40 },
    }
    expect(statusWord(unseen, en)).toBe('no data (40 not observed)')
    expect(statusWord({ ...unseen, note: 'grace_over' }, zh)).toBe('无数据过久（未能观测 40）')
    expect(verdictSentence(unseen, zh)).toMatch(/^作业错误率：无数据（未能观测 40）。候选 –：未能观测 40、已取消 2；/)
    expect(verdictSentence(unseen, zh)).toMatch(/；Sluice 未能看到的不会导致回滚，请检查候选是否应答轮询。$/)
    expect(verdictSentence({ ...unseen, evidence: { cancelled: 2 } }, zh)).not.toContain('轮询')
    // What rested on errors before its data stopped has them as evidence still.
    expect(statusWord({ ...unseen, evidence: { job_failed: 3 } }, en)).toBe('no data')
  })

  test('stands on a Chinese page of a rolled-back release without its English sentence', async () => {
    const fake = inCanary()
    fake.traffic = 'failing'
    fake.do({ action: 'rollback' }, 'system:guardrail', rate!.message)
    const html = await read(fake, PAGE, 'zh')
    const evidence = /<dl id="evidence">.*?<\/dl>/s.exec(html)?.[0] ?? ''
    expect(evidence).toContain('作业错误率：越限。')
    expect(evidence.replaceAll(/<code>.*?<\/code>/g, '')).not.toMatch(/latency of|within|of \d+ jobs/)
    expect(/<section[^>]*id="history".*?<q>(.*?)<\/q>/s.exec(html)?.[1]).toContain('作业错误率：越限。')
  })
})

describe('a refusal', () => {
  const refusal = (code: string, ...details: ErrorDetail[]) => ({
    ok: false as const,
    code,
    message: 'promote is not possible in canary-1; legal now: pause',
    details,
  })

  test('names what would be possible instead', () => {
    const illegal = refusal('illegal_transition', detail('action', 'legal_action', 'rollback', { action: 'rollback' }))
    expect(refusalWords(illegal, en)).toBe(
      'That is not possible in the release’s current state. Possible now: Roll back.',
    )
    expect(refusalWords(illegal, zh)).toBe('发布的当前状态不允许这样做。现在可以：回滚。')
    expect(wrongs(illegal, zh)).toEqual([])
  })

  test('says what is wrong with a key by its code, and in English what is not known in Chinese', () => {
    const words = (code: string, params = {}) =>
      wrongs(refusal('invalid_request', detail('bake', code, 'something new', params)), zh)[0]?.words
    expect(words('at_most', { bound: 1, given: 5 })).toBe('至多 1（填写的是：5）')
    expect(words('something_new')).toBe('something new')
  })

  test('has no Chinese for a code that nothing says', () => {
    const said = ['src/config', 'src/core/guardrails'].flatMap((folder) =>
      readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
    )
    const unsaid = Object.keys(zhDetails).filter((code) => !said.some((text) => text.includes(`'${code}'`)))
    expect(unsaid).toEqual([])
  })

  test('of a guardrail’s table has its Chinese, whatever the table lacks', () => {
    const forms = [{}, { within: '10s' }, { method: 'sequential' }]
    const metrics = ['error_rate', 'latency_p50', 'latency_p99', 'signal:fvd']
    const said = metrics.flatMap((metric) => forms.map((form) => lacking({ metric, ...form })!))
    expect(new Set(said.map(({ message }) => message)).size).toBe(6)
    for (const { code } of said) expect(zhDetails).toHaveProperty(code)
  })

  test('on a Chinese confirm page has no English', async () => {
    const html = await read(inCanary(), `${PAGE}/confirm/promote`, 'zh')
    expect(html).toContain('发布的当前状态不允许这样做。现在可以：')
    expect(html).not.toContain('not possible')
  })
})

describe('a place', () => {
  test('in a canary is its percent, also after set_percent, in the effect, the history and the headline', async () => {
    const fake = inCanary()
    fake.do({ action: 'set_percent', percent: 3 }, 'token:oncall', 'a little more')
    expect(await read(fake, `${PAGE}/confirm/advance?force=1`)).toContain('3\u00a0% → 5\u00a0%')
    fake.do({ action: 'advance', force: true }, 'token:oncall', 'on')
    fake.do({ action: 'set_percent', percent: 7 }, 'token:oncall', 'more')
    fake.do({ action: 'rollback' }, 'token:oncall', 'bad')
    const history = await read(fake, `${PAGE}/history`)
    expect(history).toContain('set the percent 1\u00a0% → 3\u00a0%')
    expect(history).toContain('advanced 3\u00a0% → 5\u00a0%')
    expect(history).toContain('rolled back 7\u00a0% → 0\u00a0%')
    const page = await read(fake, PAGE)
    expect(page).toContain('Rolled back from 7\u00a0%, by an operator.')
    expect(page).toContain('set 0\u00a0%, actual 0\u00a0%')
    expect(page).toContain('the cool-down, which begins with the reset')
  })
})

describe('automatic advance', () => {
  const turn = (fake: DashboardRelease, to: string, version: string) =>
    read(fake, `${PAGE}/confirm/${to}`, 'en', { reason: 'night', version })

  test('on and off again leaves nothing live that differs from the file', async () => {
    const fake = inCanary()
    await turn(fake, 'auto_on', '0')
    expect(await read(fake, `${PAGE}/config`)).toContain('1 key differs from the file')
    await turn(fake, 'auto_off', '1')
    expect(await read(fake, `${PAGE}/config`)).toContain('Live and file agree.')
    expect(fake.view().drift).toEqual([])
  })

  test('a live value that the file has too is no difference, and can be taken back', async () => {
    const fake = inCanary()
    const given = { reason: 'x', who: 'token:oncall', ifMatch: null, dryRun: false, breakGlass: false }
    await fake.control.service().config.patch(fake.name, { advance: 'manual' }, given)
    const html = await read(fake, `${PAGE}/config`)
    expect(html).toContain('Live and file agree.')
    expect(html).toContain('aria-label="advance: back to the file"')
  })
})

describe('a reason of the report', () => {
  const days = counts('play', share(670, 1000), share(672, 1000))
  test('is followed by the subjects that are still needed', () => {
    const report = aReport('r1', { days, fixed: null })
    const [sample] = report.decision.reasons
    expect(plain(neededWords(sample!, en))).toBe(
      'Still needed, if the figures stay as they are: 232 subjects on control and 232 on the candidate, about 1.7 days.',
    )
    expect(plain(neededWords(sample!, zh))).toBe('若数字保持不变，还需对照 232 个、候选 232 个用户，约 1.7 天。')
  })

  test('tells the interval of a cost that is not shown to be within its limit, and the videos that it takes', () => {
    const spread = (mean: number) => ({ ...seconds(mean, 1000), m2Y: 1000 * 1600 })
    const report = aReport('r1', { gpuSeconds: { control: spread(60), candidate: spread(69) } })
    const [cost] = report.decision.reasons
    const read = (t: typeof en) => [plain(reasonWords(cost!, report, t)), plain(neededWords(cost!, t))]
    const [reason, needed] = read(en)
    expect(reason).toMatch(
      /^The cost of a finished video changed by \+[\d.]+\u00a0% to \+2\d\.\d\u00a0%: not yet shown/,
    )
    expect(needed).toMatch(
      /^Still needed, .*: [\d,]+ finished videos on control and [\d,]+ on the candidate, about [\d.]+ days\.$/,
    )
    expect(read(zh).join('')).toMatch(/上限 20\u00a0?% 之内。.*个完成的视频/)
  })

  test('says that an eighth day waits for a whole week', () => {
    const report = aReport('r1', {
      fixed: null,
      now: START + 8.5 * DAY_MS,
      days: counts('play', share(8064, 12_000), share(8070, 12_000)),
    })
    const [weeks] = report.decision.reasons
    expect(plain(reasonWords(weeks!, report, en))).toContain('after whole weeks')
    expect(plain(neededWords(weeks!, en))).toBe('Still needed: 6 days.')
    expect(plain(neededWords({ ...weeks!, needed: null }, en))).toBe('')
  })
})

test('the Markdown of a report leads back to it, and has the signals', () => {
  const page = 'https://video.example/_sluice/releases/r1/report'
  const lines = reportMarkdown(aReport('r1'), en, page).split('\n')
  expect(lines[2]).toBe(
    `**hold** · candidate at 50\u00a0%, for 7\u00a0d · 2026-11-09 00:00:00 UTC · [Experiment](<${page}>)`,
  )
  expect(lines).toContain('- fvd: 212 → 180')
})

test('a report in Markdown names pairs and what stands beside the raw lifts, in both languages', () => {
  const history = {
    ...{ subjects: { control: 900, candidate: 910 }, balance_p_value: 0.4, theta: 0.8, variance_reduction: 0.31 },
    ...{ absolute: null, relative: { lift: 0.08, low: 0.07, high: 0.09 }, p_value: 0.001 },
  }
  const report = aReport('r1')
  const [play, ...others] = report.metrics
  const stratified = { strata: 3, absolute: null, relative: { lift: 0.081, low: 0.06, high: 0.1 }, p_value: 0.001 }
  const arm = { estimate: 12, interval: { low: 11, high: 13 } }
  const median = {
    ...{ quantile: 0.5, control: arm, candidate: { ...arm, estimate: 13.2 }, absolute: null },
    relative: { lift: 0.1, low: 0.02, high: 0.19 },
  }
  const text = reportMarkdown(
    { ...report, metrics: [{ ...play!, history, stratified, quantile: 0.95, quantiles: [median] }, ...others] },
    en,
    'https://a.example',
  )
  expect(text).toContain('| play (primary · p95) |')
  expect(text).toMatch(/- play p50: 12 → 13\.2 · \+10\.0\s% \(\+2\.0\s% to \+19\.0\s%\)\n/)
  expect(text).toMatch(/- play, with the mix of all subjects: \+8\.1\s%.* · 3 strata\n/)
  expect(text).toMatch(/- play, less what values from before explain \(CUPED\): \+8\.0\s%.* · variance −31\.0\s%\n/)
  expect(text).toMatch(/- play, control against itself: 38 false alarms in 1,000 splits, up to 40 expected/)
  expect(text).toMatch(/- ssim: -0\.012 \(.*\) · 120 pairs · (worse|open)/)
  const withheld = { ...history, relative: null, p_value: null }
  expect(reportMarkdown({ ...report, metrics: [{ ...play!, history: withheld }] }, zh, 'https://a.example')).toContain(
    '有此前数值的用户太少',
  )
})

test('a report tells too few subjects from too few of them with a value', () => {
  const report = aReport('r1', { days: counts('play', share(5, 22), share(5, 18)), fixed: null })
  const reason = { code: 'sample' as const, message: '', metric: null, needed: null }
  const wordsOf = (of: typeof report, t: typeof en) => plain(reasonWords(reason, of, t))
  expect(wordsOf(report, en)).toBe('The planned number of subjects is not reached.')
  const thin = { ...report, readiness: { ...report.readiness, sample_lacks: 'values' as const } }
  expect(wordsOf(thin, en)).toBe('Too few subjects have a value of a mean or ratio.')
  expect(wordsOf(thin, zh)).toBe('均值或比率指标有数值的用户太少。')
})

test('a report whose control has only zeros so far says that nobody knows yet how many are needed', () => {
  const report = aReport('r1', { days: counts('play', share(0, 22), share(0, 18)) })
  expect(reportMarkdown(report, en, 'https://a.example')).toContain(
    '40 subjects measured; not yet known how many are needed',
  )
  expect(reportMarkdown(report, zh, 'https://a.example')).toContain('40 个用户；尚不知需要多少')
  const unplanned = { ...report, readiness: { ...report.readiness, sample_lacks: 'subjects' as const } }
  expect(reportMarkdown(unplanned, en, 'https://a.example')).toContain('none planned')
})

test('nothing that a report names is markup in its Markdown', () => {
  const report = aReport('r|<b>_x_')
  const { readiness } = report
  const text = reportMarkdown(
    { ...report, readiness: { ...readiness, excluded_now: '[a](http://x)\n# @all' } },
    en,
    PAGE,
  )
  expect(text).toContain('## r\\|\\<b\\>\\_x\\_: ')
  expect(text).toContain('\\[a\\](http://x) \\# \\@all')
  const widths = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split(/(?<!\\)\|/u).length)
  expect(new Set(widths)).toEqual(new Set([7]))
})
