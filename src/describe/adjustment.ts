/** Why a lift stands there without what values from before explain of it. */
import { SRM_ALPHA } from '../core/stats/srm.ts'

/** Whether the arms differed before anybody was exposed; if not, too few subjects had values then. */
export function differedBefore({ balance_p_value }: { balance_p_value: number }): boolean {
  return balance_p_value < SRM_ALPHA
}
