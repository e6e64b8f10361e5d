/** What an entry of the history, a verdict, or a lift rests on. */
import { is, object } from 'valibot'
import { type HistoryEntry, type VerdictView, verdictSchema } from '../api/index.ts'
import { ARM_ERRORS, type ArmError, BLAMELESS, type Blameless, isArmError } from '../core/outcome.ts'
import { SRM_ALPHA } from '../core/stats/srm.ts'
import { actorOf } from './names.ts'

const evidenceSchema = object({ verdict: verdictSchema })

/** The verdict for which the guardrails made an entry; null where somebody else did. */
export function verdictBehind({ who, evidence }: HistoryEntry): VerdictView | null {
  const { kind, name } = actorOf(who)
  return kind === 'system' && name === 'guardrail' && is(evidenceSchema, evidence) ? evidence.verdict : null
}

interface Ends {
  name: ArmError | Blameless
  n: number
}

/** The candidate's errors of a verdict by class, and of one without data the ends that say nothing; the most first. */
export function endClasses({ evidence = {} }: VerdictView): Ends[] {
  return [...ARM_ERRORS, ...BLAMELESS]
    .flatMap((name) => (evidence[name] === undefined ? [] : [{ name, n: evidence[name] }]))
    .sort((a, b) => b.n - a.n)
}

/** The ends that no arm is blamed for, where there are no others. */
export function uncountedEnds(verdict: VerdictView): Ends[] {
  return verdict.status === 'no_data' ? endClasses(verdict).filter(({ name }) => !isArmError(name)) : []
}

/** Whether a change went past the review that the release asks for. */
export function isBreakGlass({ evidence }: HistoryEntry): boolean {
  return typeof evidence === 'object' && evidence !== null && 'break_glass' in evidence && evidence.break_glass === true
}

/** Whether the arms differed before anybody was exposed; if not, too few subjects had values then. */
export function differedBefore({ balance_p_value }: { balance_p_value: number }): boolean {
  return balance_p_value < SRM_ALPHA
}
