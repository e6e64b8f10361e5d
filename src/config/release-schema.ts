/** The table `[vars.RELEASE_…]`: its schema, and the release that comes out of it. */
import * as v from 'valibot'
import {
  across,
  backendUrl,
  duration,
  instant,
  isTable,
  list,
  period,
  positive,
  positiveDuration,
  releaseName,
  share,
  table,
  webOrigin,
  whole,
  wholePositive,
} from './fields.ts'
import { experimentSchema, metricSchema } from './experiment-schema.ts'
import { DEFAULT_GUARDRAILS, guardrailSchema, monitors } from './guardrail-schema.ts'
import type { Arm } from '../core/arm.ts'
import { MOST_LEDGERS } from '../core/ledger-growth.ts'
import { fault } from './issue-words.ts'
import { mappingEntries, mappingOf } from './mapping-schema.ts'
import { ruleSchema } from './rule-schema.ts'
import { wireSchema } from './wire-schema.ts'

const RUNG = fault('not_rung', 'a percent above 0 up to 100, or { percent, bake, gate, approval }')
const percent = v.pipe(v.number(RUNG), v.gtValue(0, RUNG), v.maxValue(100, RUNG))
const rungTable = table({
  percent,
  bake: v.optional(duration),
  gate: v.optional(v.picklist(['guardrails', 'experiment']), 'guardrails'),
  approval: v.optional(v.picklist(['none', 'manual']), 'none'),
})
const plainRung = v.pipe(
  percent,
  v.transform((given) => v.parse(rungTable, { percent: given })),
)
/** No union: that would tell one error for all that is wrong with a table. */
const rung = v.lazy((given) => (isTable(given) ? rungTable : plainRung))

const ladderSchema = v.pipe(
  list(rung, 1, 50),
  v.rawCheck(({ dataset, addIssue }) => {
    const percents = percentsOf(dataset.value)
    if (percents.some((p, i) => i > 0 && percents[i - 1]! >= p))
      addIssue({ message: fault('ladder_falls', 'percents must grow from rung to rung') })
  }),
)

/** Of the rungs whose percent is right, whatever else is wrong with them. */
function percentsOf(rungs: unknown): number[] {
  if (!Array.isArray(rungs)) return []
  return rungs.map((given: unknown) => (isTable(given) ? given['percent'] : given)).filter((p) => v.is(percent, p))
}

/** The name of a secret: a token itself never stands in the file. */
export const SECRET_NAME = /^[A-Z][A-Z0-9_]*$/
const secretName = v.pipe(
  v.string(),
  v.regex(SECRET_NAME, fault('not_secret_name', 'the name of a secret is needed, like WAN21_TOKEN')),
)

const DEFAULT_TIMEOUT_MS = 120_000

const arm = v.pipe(
  table({
    url: v.optional(backendUrl),
    urls: v.optional(list(backendUrl, 1, 64)),
    model: v.optional(v.pipe(v.string(), v.minLength(1)), undefined),
    ...mappingEntries,
    encoding: v.optional(v.picklist(['as_sent', 'multipart']), 'as_sent'),
    timeout: v.optional(positiveDuration),
    sync_timeout: v.optional(positiveDuration),
    auth: v.optional(secretName),
    forward_authorization: v.optional(v.boolean(), false),
    cost_per_gpu_second: v.optional(positive),
  }),
  across((a) => (a.url === undefined) !== (a.urls === undefined), fault('url_or_urls', 'give either url or urls')),
  v.transform((a) => ({
    urls: a.urls ?? [a.url!],
    model: a.model ?? null,
    mapping: mappingOf(a),
    encoding: a.encoding,
    timeoutMs: a.timeout ?? DEFAULT_TIMEOUT_MS,
    /** Null: as long as the release lets a job take. */
    syncTimeoutMs: a.sync_timeout ?? a.timeout ?? null,
    auth: a.auth ?? null,
    forwardAuthorization: a.forward_authorization,
    costPerGpuSecond: a.cost_per_gpu_second ?? null,
  })),
)

export const shadowEntries = {
  sample: v.optional(share, 1),
  during_canary: v.optional(v.boolean(), false),
  max_in_flight: v.optional(whole, 20),
  max_jobs_per_day: v.optional(whole, 5000),
  max_body_bytes: v.optional(wholePositive, 262_144),
  job_timeout: v.optional(duration, '30m'),
}

const LEGACY_IDS = fault('not_legacy_ids', '"control", "refuse" or a time is needed')
const legacyIdsWord = v.pipe(
  v.picklist(['control', 'refuse'], LEGACY_IDS),
  v.transform((word) => (word === 'control' ? null : 0)),
)
/** No union: that would tell one error for all that is wrong. */
const legacyIds = v.lazy((given) => (typeof given === 'string' && /^\d/.test(given) ? instant : legacyIdsWord))

/** Keys of a release, by the names that operators write. Live overlays take some of these schemas as they are. */
export const releaseEntries = {
  name: releaseName,
  protocol: v.string(),
  wire: v.optional(wireSchema),
  match: v.optional(
    table({
      paths: v.optional(
        v.pipe(
          v.array(v.pipe(v.string(), v.startsWith('/', fault('not_path', 'a path starts with "/"')))),
          v.minLength(1),
        ),
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
  require_review: v.optional(v.boolean(), false),
  id_mode: v.optional(v.picklist(['tagged', 'native']), 'tagged'),
  legacy_ids: v.optional(legacyIds, 'control'),
  passthrough_status: v.optional(v.boolean(), false),
  client_webhooks: v.optional(v.picklist(['deliver', 'pass']), 'deliver'),
  webhook_origins: v.optional(list(webOrigin, 1, 50)),
  webhook_secret: v.optional(secretName),
  on_lost_control: v.optional(v.picklist(['hold', 'control']), 'hold'),
  lease: v.optional(duration, '5m'),
  quiet_after: v.optional(duration, '2m'),
  job_timeout: v.optional(duration),
  counter_shards: v.optional(v.pipe(wholePositive, v.maxValue(256)), 1),
  ledger_shards: v.optional(v.pipe(wholePositive, v.maxValue(MOST_LEDGERS)), 1),
  arms: table({ control: arm, candidate: arm }),
  shadow: v.optional(table(shadowEntries), {}),
  rules: v.optional(list(ruleSchema, 0, 100), []),
  guardrails: v.optional(list(guardrailSchema, 1, 50), DEFAULT_GUARDRAILS),
  metrics: v.optional(v.array(metricSchema), []),
  experiment: v.optional(experimentSchema, {}),
}

const releaseTable = table(releaseEntries)

export const releaseSchema = v.pipe(
  releaseTable,
  v.transform((r) => ({
    name: r.name,
    protocol: r.protocol,
    /** What the protocol `jobs` goes by. */
    wire: r.wire ?? null,
    match: { paths: r.match.paths ?? null, models: r.match.models ?? null },
    ladder: r.ladder.map(({ bake, ...of }) => ({
      percent: of.percent,
      bakeMs: bake ?? r.bake,
      gate: of.gate,
      approval: of.approval,
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
    /** Of changes of the live configuration: nobody publishes his own. */
    requireReview: r.require_review,
    idMode: r.id_mode,
    /** Ids that nobody here issued or recorded go to control until then, unix ms: null for ever, 0 never. */
    legacyIdsUntilMs: r.legacy_ids,
    passthroughStatus: r.passthrough_status,
    clientWebhooks: r.client_webhooks,
    /** Null: any that the public can reach by HTTPS. */
    webhookOrigins: r.webhook_origins ?? null,
    webhookSecret: r.webhook_secret ?? null,
    onLostControl: r.on_lost_control,
    leaseMs: r.lease,
    // A job whose client never polls is polled at its deadline, too.
    quietAfterMs: Math.min(r.quiet_after, jobTimeoutMs(r)),
    jobTimeoutMs: jobTimeoutMs(r),
    counterShards: r.counter_shards,
    ledgerShards: r.ledger_shards,
    arms: { control: armOf(r, 'control'), candidate: armOf(r, 'candidate') },
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
      pairMde: r.experiment.pair_mde,
      strata: r.experiment.strata,
      exclude: r.experiment.exclude,
    },
  })),
)

type ReleaseOutput = v.InferOutput<typeof releaseTable>

function jobTimeoutMs(r: ReleaseOutput): number {
  return r.job_timeout ?? r.shadow.job_timeout
}

function armOf(r: ReleaseOutput, which: Arm) {
  const found = r.arms[which]
  return { ...found, syncTimeoutMs: found.syncTimeoutMs ?? jobTimeoutMs(r) }
}

export type ReleaseSettings = v.InferOutput<typeof releaseSchema>
export type ArmConfig = ReleaseSettings['arms']['control']
