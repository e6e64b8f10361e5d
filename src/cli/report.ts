/** `sluice report`: the decision with its reasons, then the figures that it rests on. With `--json` all of them, with `--markdown` a ticket. */
import { type Command, Option } from 'commander'
import { type MetricView, type ReportView, reportSchema } from '../api/experiment.ts'
import { differedBefore } from '../describe/evidence.ts'
import { group, pFigure, quantileName, signedPercent } from '../describe/figures.ts'
import { openSession } from './session.ts'
import { type Align, table } from './table.ts'
import type { Style } from './terminal.ts'
import { figure, moment, plural } from './words.ts'

interface ReportOptions {
  markdown?: boolean
  lang: string
  selfCheck?: boolean
}

export function addReport(program: Command): void {
  program
    .command('report')
    .description('the A/B report: what was decided, why, and on which figures')
    .option('--markdown', 'print it as Markdown, for a ticket')
    .option('--self-check', 'first try its tests on control’s own subjects, split a thousand times')
    .addOption(new Option('--lang <language>', 'of the Markdown').choices(['en', 'zh']).default('en'))
    .action(async ({ markdown, lang, selfCheck }: ReportOptions, command: Command) => {
      const session = openSession(command)
      if (selfCheck) await session.call('/report/self-check', reportSchema, { method: 'POST' })
      if (markdown) {
        const path = `releases/${encodeURIComponent(await session.releaseName())}/report.md`
        for (const line of await session.api.lines(path, { lang })) session.terminal.print(line)
        return
      }
      session.show(await session.call('/report.json', reportSchema), reportLines)
    })
}

export function reportLines(report: ReportView, style: Style): string[] {
  const { decision, reasons } = report.decision
  const split = report.percent === null ? 'no split with both arms yet' : `candidate at ${report.percent} %`
  const since = report.since === null ? '' : ` since ${moment(report.since)}`
  const until = report.until === null ? '' : ` until ${moment(report.until)}`
  return [
    `${style.bold(report.release)}  ${split}${since}${until}`,
    `${style.bold(`Decision: ${decision}`)}${report.valid ? '' : ' (the report is not valid)'}`,
    ...reasons.flatMap(({ message, needed }) => [
      `  ${message}`,
      ...(needed ? [`    needed: ${neededWords(needed)}`] : []),
    ]),
    '',
    ...metricLines(report, style),
    ...listed('Ready to read?', readLines(report), style),
    ...signalLines(report, style),
    ...quantileLines(report, style),
    ...strataLines(report, style),
    ...historyLines(report, style),
    ...pairLines(report, style),
    ...checkLines(report, style),
    ...trafficLines(report, style),
  ]
}

type Needed = NonNullable<ReportView['decision']['reasons'][number]['needed']>

function neededWords({ subjects, jobs, days }: Needed): string {
  const time = days === null ? '' : `${group(days, 1)} ${days === 1 ? 'day' : 'days'}`
  const count = subjects ?? jobs
  if (!count) return `${time} more`
  const what = subjects ? 'subjects' : 'finished videos'
  const more = `${group(count.control)} more ${what} on control, ${group(count.candidate)} on the candidate`
  return time ? `${more} (about ${time})` : more
}

function metricLines({ metrics, cost }: ReportView, style: Style): string[] {
  if (metrics.length === 0) return ['No metric is configured.']
  const rows = metrics.map((metric) => [
    metric.metric,
    metric.quantile === null ? metric.role : `${metric.role} ${quantileName(metric.quantile)}`,
    estimate(metric.control.estimate, metric.kind),
    estimate(metric.candidate.estimate, metric.kind),
    change(metric.relative),
    evidence(metric),
  ])
  const paid =
    cost.control === null && cost.candidate === null
      ? []
      : [['cost of a video', 'cost', amount(cost.control), amount(cost.candidate), change(cost.relative), limit(cost)]]
  const head = ['metric', 'role', 'control', 'candidate', 'lift (95 %)', 'evidence'].map(style.dim)
  return table([head, ...rows, ...paid], ['left', 'left', 'right', 'right', 'left', 'left'])
}

/** What counts now: a guardrail's result, the final test, or what may be read at any time. */
function evidence({ non_inferiority: shown, test, always_valid: anytime }: MetricView): string {
  if (shown) return `${shown.status.replace('_', ' ')} (margin ${percent(shown.margin)})`
  if (test?.final) return `p ${pFigure(test.p_adjusted ?? test.p_value)} (${test.name})`
  if (anytime) return `p ${pFigure(anytime.p_adjusted ?? anytime.p_value)} (any time)`
  return test ? `p ${pFigure(test.p_value)} (preview)` : 'no data'
}

function readLines(report: ReportView): string[] {
  const { readiness: r, srm, crossed, metrics } = report
  const unplanned = r.sample_lacks === 'plan' ? 'not yet known how many are needed' : 'none planned'
  const planned = r.planned ? `planned ${group(r.planned.control)} and ${group(r.planned.candidate)}` : unplanned
  return [
    `${r.days} of ${r.min_days} whole days`,
    `${plural(r.sample.control, 'subject')} measured on control, ${figure(r.sample.candidate)} on the candidate (${planned})`,
    `split ${srm.mismatch ? 'NOT ' : ''}as assigned: ${figure(srm.observed.candidate)} of ${plural(srm.observed.control + srm.observed.candidate, 'exposed subject')} on the candidate, expected ${figure(Math.round(srm.expected.candidate))} (SRM p ${pFigure(srm.p_value)})`,
    `${plural(crossed, 'subject')} saw both arms: left out`,
    ...metrics.flatMap(({ metric, observed }) =>
      observed
        ? [
            `${metric}: ${observed.immature.control + observed.immature.candidate} subjects not yet observed for ${observed.days} days, left out`,
          ]
        : [],
    ),
    ...(r.excluded_now === null ? [] : [`now is an excluded time: ${r.excluded_now}`]),
    ...(r.read_at === null ? [] : [`fixed tests were read once, ${moment(r.read_at)}`]),
  ]
}

/** A table below a blank line; nothing where it has no rows. */
function section(heads: string[], rows: string[][], align: readonly Align[], style: Style): string[] {
  return rows.length === 0 ? [] : ['', ...table([heads.map(style.dim), ...rows], align)]
}

/** The same of plain lines below a title. */
function listed(title: string, lines: string[], style: Style): string[] {
  return lines.length === 0 ? [] : ['', style.bold(title), ...lines.map((line) => `  ${line}`)]
}

function signalLines({ signals }: ReportView, style: Style): string[] {
  const rows = signals.map(({ metric, arm, n, mean, sd }) => [metric, arm, amount(mean), amount(sd), String(n)])
  return section(['signal', 'arm', 'mean', 'sd', 'n'], rows, ['left', 'left', 'right', 'right', 'right'], style)
}

function quantileLines({ metrics }: ReportView, style: Style): string[] {
  const rows = metrics.flatMap(({ metric, quantiles }) =>
    quantiles.map(({ quantile, control, candidate, relative }) => [
      metric,
      quantileName(quantile),
      amount(control.estimate),
      amount(candidate.estimate),
      change(relative),
    ]),
  )
  const heads = ['other quantiles', '', 'control', 'candidate', 'lift (95 %)']
  return section(heads, rows, ['left', 'left', 'right', 'right', 'left'], style)
}

function strataLines({ metrics }: ReportView, style: Style): string[] {
  const lines = metrics.flatMap(({ metric, stratified }) =>
    stratified ? [`${metric}  ${change(stratified.relative)}, ${stratified.strata} strata`] : [],
  )
  return listed('With the mix of all subjects (post-stratified)', lines, style)
}

function historyLines({ metrics }: ReportView, style: Style): string[] {
  const lines = metrics.flatMap(({ metric, history }) => {
    if (!history) return []
    const why = differedBefore(history) ? 'the arms differed beforehand' : 'too few have values from before'
    return history.relative
      ? [`${metric}  ${change(history.relative)}, variance ${signed(-history.variance_reduction)}`]
      : [`${metric}  not adjusted: ${why}`]
  })
  return listed('Less what values from before explain (CUPED)', lines, style)
}

function pairLines({ pairs }: ReportView, style: Style): string[] {
  const rows = pairs.map(({ metric, n, difference, always_valid: band, outcome, needed }) => [
    metric,
    String(n),
    amount(difference?.lift ?? null),
    band ? `${amount(band.low)} to ${amount(band.high)}` : '–',
    needed ? `${outcome}, ${group(needed)} more needed` : outcome,
  ])
  const heads = ['shadow pairs', 'n', 'difference', 'at any time', '']
  return section(heads, rows, ['left', 'right', 'right', 'left', 'left'], style)
}

function checkLines({ self_check: check }: ReportView, style: Style): string[] {
  if (check?.metrics.length === 0)
    return ['', 'control against itself: nothing to try, each metric needs 200 subjects on control']
  const rows = (check?.metrics ?? []).map((each) => [
    each.metric,
    `${each.false_alarms} of ${each.splits}`,
    `up to ${Math.round(each.expected * each.splits)}`,
    `${amount(each.ks_distance)} (p ${pFigure(each.ks_p_value)})`,
    each.status === 'too_many' ? 'TOO MANY' : '',
  ])
  const heads = ['control against itself', 'false alarms', 'expected', 'p-values from even', '']
  return section(heads, rows, ['left', 'right', 'right', 'right', 'left'], style)
}

function trafficLines({ representativeness }: ReportView, style: Style): string[] {
  const differing = representativeness.filter(({ status }) => status === 'differs')
  const lines = differing.map(({ trait, p_value }) => `${trait} (p ${pFigure(p_value)})`)
  return listed('The candidate’s traffic is not like all traffic', lines, style)
}

function limit({ status, limit: most }: ReportView['cost']): string {
  return `${status.replace('_', ' ')} (limit +${percent(most)})`
}

function estimate(value: number | null, kind: MetricView['kind']): string {
  return value !== null && kind === 'proportion' ? percent(value) : amount(value)
}

function amount(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(3)))
}

function change(lift: MetricView['relative']): string {
  return lift ? `${signed(lift.lift)}  (${signed(lift.low)} to ${signed(lift.high)})` : '–'
}

function signed(value: number): string {
  return `${signedPercent(value)} %`
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`
}
