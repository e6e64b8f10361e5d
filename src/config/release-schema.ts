/** The table `[vars.RELEASE_…]`: its schema, and the release that comes out of it. */
import * as v from 'valibot'
import type { Rule, When } from '../core/rules.ts'
import {
  backendUrl,
  duration,
  name,
  oneOrMany,
  percent,
  period,
  positive,
  range,
  share,
  table,
  whole,
  wholePositive,
} from './fields.ts'
import { DEFAULT_GUARDRAILS, guardrailSchema, monitors } from './guardrail-schema.ts'

const rung = v.union(
  [
    v.pipe(
      percent,
      v.gtValue(0),
      v.transform((p) => ({ percent: p })),
    ),
    table({
      percent: v.pipe(percent, v.gtValue(0)),
      bake: v.optional(duration),
      gate: v.optional(v.picklist(['guardrails', 'experiment']), 'guardrails'),
      approval: v.optional(v.picklist(['none', 'manual']), 'none'),
    }),
  ],
  'a percent above 0 up to 100, or { percent, bake, gate, approval }',
)

export const ladderSchema = v.pipe(
  v.array(rung),
  v.minLength(1, 'a ladder has at least one rung'),
  v.maxLength(50),
  v.check(
    (rungs) => rungs.every((r, i) => i === 0 || rungs[i - 1]!.percent < r.percent),
    'percents must grow from rung to rung',
  ),
)

const arm = v.pipe(
  table({
    url: v.optional(backendUrl),
    urls: v.optional(v.pipe(v.array(backendUrl), v.minLength(1), v.maxLength(64))),
    model: v.optional(v.pipe(v.string(), v.minLength(1)), undefined),
    timeout: v.optional(v.pipe(duration, v.minValue(1)), '120s'),
    auth: v.optional(v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]*$/, 'the name of a secret, like WAN21_TOKEN'))),
    forward_authorization: v.optional(v.boolean(), false),
    cost_per_gpu_second: v.optional(positive),
  }),
  v.check((a) => (a.url === undefined) !== (a.urls === undefined), 'give either url or urls'),
  v.transform((a) => ({
    urls: a.urls ?? [a.url!],
    model: a.model ?? null,
    timeoutMs: a.timeout,
    auth: a.auth ?? null,
    forwardAuthorization: a.forward_authorization,
    costPerGpuSecond: a.cost_per_gpu_second ?? null,
  })),
)

export const shadowSchema = table({
  sample: v.optional(share, 1),
  during_canary: v.optional(v.boolean(), false),
  max_in_flight: v.optional(whole, 20),
  max_jobs_per_day: v.optional(whole, 5000),
  max_body_bytes: v.optional(wholePositive, 262_144),
  job_timeout: v.optional(duration, '30m'),
})

const when = v.pipe(
  table({
    claim: v.optional(v.string()),
    header: v.optional(v.pipe(v.string(), v.toLowerCase())),
    subject: v.optional(oneOrMany),
    country: v.optional(oneOrMany),
    model: v.optional(oneOrMany),
    in: v.optional(oneOrMany),
    prompt_chars: v.optional(range),
    duration_seconds: v.optional(range),
  }),
  v.check((w) => Object.keys(w).some((key) => key !== 'in'), 'name at least one attribute'),
  v.check(
    (w) => w.in === undefined || w.claim !== undefined || w.header !== undefined,
    '`in` goes with claim or header',
  ),
)

export const ruleSchema = v.pipe(
  table({
    when,
    arm: v.optional(v.picklist(['control', 'candidate'])),
    weight: v.optional(v.pipe(v.number(), v.minValue(0))),
  }),
  v.check((r) => (r.arm === undefined) !== (r.weight === undefined), 'give either arm or weight'),
  v.check(
    (r) => r.weight === undefined || Object.keys(r.when).every((key) => ['claim', 'subject', 'in'].includes(key)),
    'weight is allowed only on claim and subject: on anything else a subject would flip between arms',
  ),
  v.transform(({ when: w, arm: to, weight }): Rule =>
    to === undefined ? { when: toWhen(w), weight: weight! } : { when: toWhen(w), arm: to },
  ),
)

function toWhen({ prompt_chars, duration_seconds, ...plain }: v.InferOutput<typeof when>): When {
  const given = { ...plain, promptChars: prompt_chars, durationSeconds: duration_seconds }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as When
}

const metricSchema = table({
  name,
  kind: v.picklist(['proportion', 'mean', 'ratio']),
  role: v.optional(v.picklist(['primary', 'secondary', 'guardrail']), 'secondary'),
  direction: v.optional(v.picklist(['increase', 'decrease']), 'increase'),
  mde: v.optional(positive),
  margin: v.optional(positive),
})

export const experimentSchema = table({
  min_days: v.optional(whole, 7),
  alpha: v.optional(v.pipe(share, v.gtValue(0)), 0.05),
  power: v.optional(v.pipe(share, v.gtValue(0), v.ltValue(1)), 0.8),
  max_cost_increase: v.optional(v.pipe(v.number(), v.minValue(0)), 0.2),
  exclude: v.optional(v.array(period), []),
})

/** Keys of a release, by the names that operators write. Live overlays take some of these schemas as they are. */
export const releaseEntries = {
  name,
  protocol: v.string(),
  match: v.optional(
    table({
      paths: v.optional(
        v.pipe(v.array(v.pipe(v.string(), v.startsWith('/', 'a path starts with "/"'))), v.minLength(1)),
      ),
      models: v.optional(v.pipe(v.array(v.string()), v.minLength(1))),
    }),
    {},
  ),
  ladder: v.optional(ladderSchema, [1, 5, 20, 50, 100]),
  bake: v.optional(duration, '30m'),
  final_bake: v.optional(duration),
  min_jobs: v.optional(whole, 50),
  advance: v.optional(v.picklist(['manual', 'auto']), 'manual'),
  failover: v.optional(v.boolean(), false),
  rescue: v.optional(v.boolean(), false),
  cooldown: v.optional(duration, '10m'),
  window_seconds: v.optional(v.pipe(wholePositive, v.maxValue(3600)), 60),
  freeze: v.optional(v.array(period), []),
  id_mode: v.optional(v.picklist(['tagged', 'native']), 'tagged'),
  passthrough_status: v.optional(v.boolean(), false),
  on_lost_control: v.optional(v.picklist(['hold', 'control']), 'hold'),
  lease: v.optional(duration, '5m'),
  quiet_after: v.optional(duration, '2m'),
  job_timeout: v.optional(duration),
  counter_shards: v.optional(v.pipe(wholePositive, v.maxValue(256)), 1),
  ledger_shards: v.optional(v.pipe(wholePositive, v.maxValue(256)), 1),
  arms: table({ control: arm, candidate: arm }),
  shadow: v.optional(shadowSchema, {}),
  rules: v.optional(v.pipe(v.array(ruleSchema), v.maxLength(100)), []),
  guardrails: v.optional(v.pipe(v.array(guardrailSchema), v.minLength(1), v.maxLength(50)), DEFAULT_GUARDRAILS),
  metrics: v.optional(v.array(metricSchema), []),
  experiment: v.optional(experimentSchema, {}),
}

export const releaseSchema = v.pipe(
  table(releaseEntries),
  v.transform((r) => ({
    name: r.name,
    protocol: r.protocol,
    match: { paths: r.match.paths ?? null, models: r.match.models ?? null },
    ladder: r.ladder.map((rungGiven) => ({
      percent: rungGiven.percent,
      bakeMs: ('bake' in rungGiven ? rungGiven.bake : undefined) ?? r.bake,
      gate: 'gate' in rungGiven ? rungGiven.gate : 'guardrails',
      approval: 'approval' in rungGiven ? rungGiven.approval : 'none',
    })),
    bakeMs: r.bake,
    finalBakeMs: r.final_bake ?? r.bake,
    minJobs: r.min_jobs,
    advance: r.advance,
    failover: r.failover,
    rescue: r.rescue,
    cooldownMs: r.cooldown,
    windowMs: r.window_seconds * 1000,
    freeze: r.freeze,
    idMode: r.id_mode,
    passthroughStatus: r.passthrough_status,
    onLostControl: r.on_lost_control,
    leaseMs: r.lease,
    quietAfterMs: r.quiet_after,
    jobTimeoutMs: r.job_timeout ?? r.shadow.job_timeout,
    counterShards: r.counter_shards,
    ledgerShards: r.ledger_shards,
    arms: r.arms,
    shadow: {
      sample: r.shadow.sample,
      duringCanary: r.shadow.during_canary,
      maxInFlight: r.shadow.max_in_flight,
      maxJobsPerDay: r.shadow.max_jobs_per_day,
      maxBodyBytes: r.shadow.max_body_bytes,
      jobTimeoutMs: r.shadow.job_timeout,
    },
    rules: r.rules,
    guardrails: monitors(r.guardrails, r.protocol === 'http' ? ['other'] : ['submit', 'job']),
    metrics: r.metrics,
    experiment: {
      minDays: r.experiment.min_days,
      alpha: r.experiment.alpha,
      power: r.experiment.power,
      maxCostIncrease: r.experiment.max_cost_increase,
      exclude: r.experiment.exclude,
    },
  })),
)

export type ReleaseSettings = v.InferOutput<typeof releaseSchema>
export type ArmConfig = ReleaseSettings['arms']['control']
