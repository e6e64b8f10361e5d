/** What each key by which a candidate is judged means: guardrails, metrics, the experiment; see sluice.ts. */
import type * as v from 'valibot'
import type { GuardrailInput } from '../../../src/config/guardrail-schema.ts'
import type { Reference } from './sluice.ts'
import type { releaseSchema } from '../../../src/config/release-schema.ts'

type Release = v.InferInput<typeof releaseSchema>

export const GUARDRAIL: Reference<GuardrailInput> = {
  metric: {
    meaning: 'what is judged',
    type: '`error_rate`, `refusal_rate`, `latency_p50`, `latency_p95`, `latency_p99`, `signal:NAME`',
  },
  operations: { meaning: 'judged one by one', default: '`["submit", "job"]`; `["other"]` with `http`' },
  method:
    'by windows, or job by job; `sequential` takes `error_rate` or `refusal_rate` with `max`, or `latency_p99` with `max_over_control`',
  max: "a rate's limit: 0.01 is 1 %",
  max_over_control: 'relative to control in the same windows: 0.5 is control × 1.5',
  max_seconds: "a latency's limit",
  for_windows: 'so many bad windows in a row are a breach',
  within: {
    meaning: 'fast trip: one look at the last seconds, without waiting for a window',
    type: 'duration, `"1s"` to `"5m"`',
  },
  min_requests: {
    meaning: 'windows are added up until there are so many candidate requests',
    default: '`20`; `10` with `within`',
  },
  min_samples: 'for signals: least values',
  action: 'what a breach does',
  no_data:
    'what happens when there is no data for longer than `no_data_grace`; `rollback` only where there is no traffic: jobs that Sluice could not see ([`not_observed`](guardrails.md#no-data)) hold the release; `warn` lets it advance all the same',
  no_data_grace:
    'how long the candidate may be silent, at first and later on; a breach stays one. A release with hours between its jobs needs more',
  literal: 'judge the bare number, without asking whether the count speaks against the limit',
  both_bad: 'what happens when control shows the breach too',
  alpha: '`sequential`: false alarms over a whole release',
  margin: '`sequential`: how much worse than control is tolerated',
  normalise: 'latencies of jobs per unit of work (frames × pixels), where sizes are known',
}

export const METRIC: Reference<NonNullable<Release['metrics']>[number]> = {
  name: { meaning: 'as events name it', type: 'text without blanks, `/` and `\\|`' },
  kind: "a subject did it (its total is above 0); a subject's total; sum of values / number of values; a quantile over subjects of the mean of a subject's values",
  quantile: {
    meaning: 'of `kind = "quantile"`, which needs it: which one is judged; the report shows the usual ones beside it',
    type: 'number above 0 and below 1',
  },
  role: 'decides; is only shown; must not get worse',
  direction: 'which way is better',
  mde: 'smallest relative effect worth finding; the planned sample follows from it',
  margin: { meaning: 'of guardrail metrics: relative worsening that is tolerated', default: '`0.05`' },
  observe: {
    meaning:
      'of each subject only so many days count after the day of its first exposure; who is not so far is left out',
    type: 'whole days, `"1d"` to `"90d"`',
    default: 'all days',
  },
}

export const EXPERIMENT: Reference<NonNullable<Release['experiment']>> = {
  min_days: 'least whole days',
  alpha: 'risk of finding what is not there',
  power: 'chance of finding an effect of `mde`',
  max_cost_increase: 'a finished video may cost so much more, relatively',
  pair_mde: 'smallest difference of shadow pairs worth finding, relative to the mean of control',
  strata: 'trait of subjects by which the report also shows a post-stratified lift',
  exclude: { meaning: 'takes out the whole UTC days that it touches', type: 'list of `{ from, to, why }`' },
}
