/** The tables `[[metrics]]` and `[experiment]` of a release: what is measured of subjects, and how it is read. */
import * as v from 'valibot'
import { DIRECTIONS, METRIC_KINDS, METRIC_ROLES, TRAITS } from '../core/experiment.ts'
import { fault } from './issue-words.ts'
import { across, name, period, positive, risk, table, whole, wholeDays } from './fields.ts'

const metricTable = table({
  name,
  kind: v.picklist(METRIC_KINDS),
  quantile: v.optional(risk),
  role: v.optional(v.picklist(METRIC_ROLES), 'secondary'),
  direction: v.optional(v.picklist(DIRECTIONS), 'increase'),
  mde: v.optional(positive),
  margin: v.optional(positive),
  observe: v.optional(wholeDays),
})
export const metricSchema = v.pipe(
  metricTable,
  across(
    (given) => (given.kind === 'quantile') === (given.quantile !== undefined),
    fault('quantile_of_kind', 'kind = "quantile" needs quantile, such as 0.95, and no other kind takes it'),
  ),
  v.transform(({ observe, ...metric }) => ({ ...metric, observeDays: observe })),
)

export const experimentEntries = {
  min_days: v.optional(whole, 7),
  alpha: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1)), 0.05),
  power: v.optional(risk, 0.8),
  max_cost_increase: v.optional(v.pipe(v.number(), v.minValue(0)), 0.2),
  pair_mde: v.optional(positive, 0.05),
  strata: v.optional(v.picklist(TRAITS)),
  exclude: v.optional(v.array(period), []),
}
export const experimentSchema = table(experimentEntries)
