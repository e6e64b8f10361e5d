/** `sluice plan`: subjects and days that an A/B test needs, before it is started. Asks no server. */
import { type Command, Option } from 'commander'
import {
  type Alternative,
  durationDays,
  mdeProportions,
  sampleSizeMargin,
  sampleSizeMeans,
  sampleSizeProportions,
  type SampleSizeFormula,
} from '../core/stats/power.ts'
import { usage } from './failure.ts'
import { amountArgument, changeArgument, percentArgument, positiveArgument, probabilityArgument } from './numbers.ts'
import { openTerminal } from './terminal.ts'
import { table } from './table.ts'
import { figure, percentOf } from './words.ts'

interface PlanOptions {
  baseline: number
  mde?: number
  margin?: number
  sd?: number
  absolute?: boolean
  daily: number
  share: number
  percent: number
  alpha: number
  power: number
  oneSided?: boolean
  formula: 'pooled' | 'unpooled'
  json?: boolean
}

export function addPlan(program: Command): void {
  program
    .command('plan')
    .description('subjects and days that an A/B test needs, from what is known before it starts')
    .requiredOption('--baseline <rate>', 'control’s rate, like 0.672 or 67.2%; with --sd its mean', amountArgument)
    .option('--mde <change>', 'smallest change worth finding, relative: 0.08, 8% or -8%', changeArgument)
    .option(
      '--margin <share>',
      'of a guardrail metric, in place of --mde: how much worse it may be, relative',
      probabilityArgument,
    )
    .option(
      '--sd <sd>',
      'standard deviation over subjects, of a mean or of a ratio’s value by subject',
      positiveArgument,
    )
    .option('--absolute', '--mde is in points of the rate: 0.02 is 67.2 % → 69.2 %')
    .requiredOption('--daily <n>', 'eligible subjects a day, both arms together', positiveArgument)
    .option('--share <share>', 'share of them that takes part', probabilityOrOne, 1)
    .option('--percent <percent>', 'candidate’s percent of those that take part', percentArgument, 50)
    .option(
      '--alpha <p>',
      'risk of the test at the end; as the report has it, four fifths of 0.05: the rest goes to looking early',
      probabilityArgument,
      0.04,
    )
    .option('--power <p>', 'chance of finding what is there', probabilityArgument, 0.8)
    .option('--one-sided', 'test one direction only')
    .addOption(
      new Option('--formula <name>', 'variance under the hypothesis: one rate for both arms, or each its own')
        .choices(['pooled', 'unpooled'])
        .default('pooled'),
    )
    .addHelpText('after', '\nExample:\n  sluice plan --baseline 67.2% --mde 3% --daily 12000')
    .action((_options: PlanOptions, command: Command) => {
      const options = command.optsWithGlobals<PlanOptions>()
      const plan = planned(options)
      const terminal = openTerminal()
      terminal.show(options.json, plan, () => planLines(plan, options, terminal.style.bold))
    })
}

function probabilityOrOne(text: string): number {
  return /^(1(\.0*)?|100(\.0*)?%)$/.test(text) ? 1 : probabilityArgument(text)
}

type PlanResult = ReturnType<typeof planned>

function planned(options: PlanOptions) {
  const { baseline, mde, margin, sd, daily, share, percent, alpha, power } = options
  if ((mde === undefined) === (margin === undefined)) throw usage('give --mde, or --margin for a guardrail metric')
  const change = mde ?? margin!
  const target = options.absolute ? baseline + change : baseline * (1 + change)
  if (sd === undefined && !(baseline < 1 && target > 0 && target < 1))
    throw usage(`from ${percentOf(baseline)} that change leads to ${percentOf(target)}, which is no rate`)
  if (percent === 0 || percent === 100) throw usage('--percent must leave something to both arms')
  const ratio = percent / (100 - percent)
  const isOneSided = options.oneSided || margin !== undefined
  const alternative: Alternative = !isOneSided ? 'two-sided' : change > 0 ? 'greater' : 'less'
  const formula: SampleSizeFormula = options.formula === 'pooled' ? 'normal_pooled' : 'normal_unpooled'
  const spread = sd ?? Math.sqrt(baseline * (1 - baseline))
  const common = { alpha, power, ratio }
  const size =
    margin !== undefined
      ? sampleSizeMargin({ ...common, sd: spread, scale: 1 + margin, margin: margin * baseline })
      : sd !== undefined
        ? sampleSizeMeans({ ...common, sd1: sd, sd2: sd, delta: target - baseline, alternative })
        : sampleSizeProportions({ ...common, p1: baseline, p2: target, alternative, formula })
  const { raw_days, days } = durationDays(size.total, daily, share)
  const n2 = (days * daily * share * percent) / 100
  const n1 = days * daily * share - n2
  const isRate = sd === undefined && margin === undefined
  const seen = isRate ? mdeProportions({ p1: baseline, n1, n2, alpha, power, alternative }) : null
  return {
    baseline,
    /** What the baseline is to be told from; of a guardrail metric the edge of its margin. */
    target,
    alpha,
    power,
    alternative,
    formula,
    control: size.n1,
    candidate: size.n2,
    total: size.total,
    raw_days,
    days,
    /** What the whole weeks can see, as they bring more than the sample asked for. */
    mde_in_days: seen && { absolute: seen.mde_abs, relative: seen.mde_rel },
  }
}

function planLines(plan: PlanResult, options: PlanOptions, bold: (text: string) => string): string[] {
  const { baseline, target, alpha, power, alternative, mde_in_days: seen } = plan
  const show = options.sd === undefined ? rate : figure
  const isRate = options.sd === undefined && options.margin === undefined
  return [
    `To tell ${show(target)} from ${show(baseline)} (alpha ${alpha}, ${alternative}, power ${percentOf(power)}):`,
    '',
    ...table([
      ['control', `${figure(plan.control)} subjects`],
      ['candidate', `${figure(plan.candidate)} subjects`],
      ['together', `${figure(plan.total)} subjects`],
      ['takes', `${figure(plan.raw_days)} days at ${figure(options.daily * options.share)} subjects a day`],
      ['plan for', bold(`${plan.days} days`) + ', whole weeks so that each weekday counts the same'],
    ]),
    ...(isRate ? ['', seenLine(plan, seen)] : []),
  ]
}

function seenLine(plan: PlanResult, seen: PlanResult['mde_in_days']): string {
  return seen
    ? `In ${plan.days} days a rise of ${figure(seen.absolute * 100)} points (${percentOf(seen.relative)} relative) can be seen.`
    : `In ${plan.days} days no rise can be seen: the rate has no room above.`
}

function rate(p: number): string {
  return `${(p * 100).toLocaleString('en-US', { maximumSignificantDigits: 4 })} %`
}
