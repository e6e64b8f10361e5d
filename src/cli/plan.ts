/** `sluice plan`: subjects and days that an A/B test needs, before it is started. Asks no server. */
import { type Command, Option } from 'commander'
import {
  type Alternative,
  durationDays,
  mdeProportions,
  sampleSizeProportions,
  type SampleSizeFormula,
} from '../core/stats/power.ts'
import { usage } from './failure.ts'
import { changeArgument, percentArgument, positiveArgument, probabilityArgument } from './numbers.ts'
import { jsonText, openTerminal } from './terminal.ts'
import { table } from './table.ts'
import { figure, percentOf } from './words.ts'

interface PlanOptions {
  baseline: number
  mde: number
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
    .description('subjects and days that an A/B test of a rate needs, from what is known before it starts')
    .requiredOption('--baseline <rate>', 'control’s rate, like 0.672 or 67.2%', probabilityArgument)
    .requiredOption('--mde <change>', 'smallest change worth finding, relative: 0.08, 8% or -8%', changeArgument)
    .option('--absolute', '--mde is in points of the rate: 0.02 is 67.2 % → 69.2 %')
    .requiredOption('--daily <n>', 'eligible subjects a day, both arms together', positiveArgument)
    .option('--share <share>', 'share of them that takes part', probabilityOrOne, 1)
    .option('--percent <percent>', 'candidate’s percent of those that take part', percentArgument, 50)
    .option('--alpha <p>', 'risk of finding what is not there', probabilityArgument, 0.05)
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
      if (options.json) return terminal.print(jsonText(plan, 2))
      for (const line of planLines(plan, options, terminal.style.bold)) terminal.print(line)
    })
}

function probabilityOrOne(text: string): number {
  return /^(1(\.0*)?|100(\.0*)?%)$/.test(text) ? 1 : probabilityArgument(text)
}

interface PlanResult {
  baseline: number
  target: number
  alpha: number
  power: number
  alternative: Alternative
  formula: SampleSizeFormula
  control: number
  candidate: number
  total: number
  raw_days: number
  days: number
  /** What the whole weeks can see, as they bring more than the sample asked for. */
  mde_in_days: { absolute: number; relative: number } | null
}

function planned(options: PlanOptions): PlanResult {
  const { baseline, mde, daily, share, percent, alpha, power } = options
  const target = options.absolute ? baseline + mde : baseline * (1 + mde)
  if (!(target > 0 && target < 1))
    throw usage(`from ${percentOf(baseline)} that change leads to ${percentOf(target)}, which is no rate`)
  if (percent === 0 || percent === 100) throw usage('--percent must leave something to both arms')
  const ratio = percent / (100 - percent)
  const alternative = options.oneSided ? (mde > 0 ? 'greater' : 'less') : 'two-sided'
  const formula = options.formula === 'pooled' ? 'normal_pooled' : 'normal_unpooled'
  const size = sampleSizeProportions({ p1: baseline, p2: target, alpha, power, alternative, ratio, formula })
  const { raw_days, days } = durationDays(size.total, daily, share)
  const n2 = (days * daily * share * percent) / 100
  const n1 = days * daily * share - n2
  const seen = mdeProportions({ p1: baseline, n1, n2, alpha, power, alternative })
  return {
    baseline,
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
    mde_in_days: seen && { absolute: seen.mde_abs, relative: seen.mde_rel },
  }
}

function planLines(plan: PlanResult, options: PlanOptions, bold: (text: string) => string): string[] {
  const { baseline, target, alpha, power, alternative, mde_in_days: seen } = plan
  return [
    `To tell ${rate(target)} from ${rate(baseline)} (alpha ${alpha}, ${alternative}, power ${percentOf(power)}):`,
    '',
    ...table(
      [
        ['control', `${figure(plan.control)} subjects`],
        ['candidate', `${figure(plan.candidate)} subjects`],
        ['together', `${figure(plan.total)} subjects`],
        ['takes', `${figure(plan.raw_days)} days at ${figure(options.daily * options.share)} subjects a day`],
        ['plan for', bold(`${plan.days} days`) + ', whole weeks so that each weekday counts the same'],
      ],
      ['left', 'left'],
    ),
    '',
    seen
      ? `In ${plan.days} days a rise of ${figure(seen.absolute * 100)} points (${percentOf(seen.relative)} relative) can be seen.`
      : `In ${plan.days} days no rise can be seen: the rate has no room above.`,
  ]
}

function rate(p: number): string {
  return `${(p * 100).toLocaleString('en-US', { maximumSignificantDigits: 4 })} %`
}
