/** What each key of `[vars.RELEASE_…]` means, in the words of docs/configure.md; see sluice.ts. */
import type * as v from 'valibot'
import { EXPERIMENT, GUARDRAIL, METRIC } from './judgement.ts'
import type { Reference, TableReference } from './sluice.ts'
import { FAILURES, STATUSES, WIRE } from './wire.ts'
import type { releaseSchema } from '../../../src/config/release-schema.ts'
import type { ruleSchema } from '../../../src/config/rule-schema.ts'

type Release = v.InferInput<typeof releaseSchema>

const RELEASE: Reference<Release> = {
  name: {
    meaning: "the release's name, unique; part of the hash and of job ids, so never change it while it runs",
    type: 'text without blanks, `/` and `\\|`',
  },
  protocol: 'the wire; [see below](#protocols)',
  wire: {
    meaning: 'what `protocol = "jobs"` goes by; see [jobs](protocols/jobs.md)',
    default: 'needed with `protocol = "jobs"`',
  },
  match: { meaning: 'which requests are meant', default: 'everything' },
  ladder: {
    meaning:
      'growing percents above 0 up to 100, or [tables](#rungs). A ladder that ends below 100 holds the release on its last rung: only from 100 it is promoted',
    type: 'list, 1 to 50',
  },
  bake: 'least time in a stage, from its first finished candidate job',
  final_bake: {
    meaning: "the same for the last rung, before `promote`; the longer one of it and the rung's own `bake` holds",
    default: 'as `bake`',
  },
  min_jobs: 'least finished candidate jobs in a stage',
  advance: 'whether steps, the promotion included, are taken by themselves',
  failover:
    "a submit that the candidate fails before a job exists is answered by control; it still counts as the candidate's error",
  rescue:
    "a candidate's job that failed, was lost or outlasted `job_timeout` is submitted to control and goes on there under the same id. Where control is busy, down or slow it is tried six times, with one `idempotency-key` of its own: a control that does not know such keys may make the video twice. Until it is taken, the client sees a job in progress. The body is kept [meanwhile](security.md#what-is-stored)",
  cooldown: 'after `reset`, least time before the next `start`',
  window_seconds: 'length of a window of counters',
  freeze: {
    meaning:
      'no advance or promotion in this time, automatic, manual or forced; `start` and everything else stay possible',
    type: 'list of `{ from, to, why }`',
  },
  require_review:
    'a change of the live configuration takes two people; see [changes with review](#change-requests). Only in the file, so that nobody switches it off live',
  id_mode: "`native` leaves the backend's ids as they are and asks the ledger whose they are",
  legacy_ids: {
    meaning:
      'ids that nobody here issued or recorded, such as those from before Sluice: control serves them, they are 404, or control serves them until then. [Set it](security.md#ids) when the old jobs are done. Where releases share a path, that of the one without `match.models` counts (else of the first)',
    type: '`"control"`, `"refuse"` or a time',
  },
  passthrough_status: "poll of a failed job: the backend's own HTTP status instead of 200",
  client_webhooks:
    "webhooks that clients ask for in a submit: `deliver` has them come here, so that the job's end is counted and ids are the client's; `pass` leaves the client's URL in the submit, and so do native ids. [What may be called](security.md#clients-webhooks)",
  webhook_origins: {
    meaning: 'the only places that clients may have called, also private ones and plain HTTP',
    type: 'list of origins, 1 to 50',
    default: 'any public name by HTTPS',
  },
  webhook_secret: {
    meaning:
      'signs what is delivered to clients, as [Standard Webhooks](https://www.standardwebhooks.com) has it, since the backend’s own signature can’t hold; without it they come unsigned',
    type: 'name of a secret',
  },
  on_lost_control:
    "while the control plane can't be reached: keep the last split, or send everybody to control once the snapshot is older than `lease`",
  lease: 'see `on_lost_control`',
  quiet_after:
    "how long after a client's last poll the ledger polls its job by itself, `job_timeout` at most. What it finds on time counts as the job's latency, at most; what it finds late, as where a backend had not answered, counts as an end without a latency",
  job_timeout: {
    meaning:
      'a job that a poll after this time shows open counts as `job_timeout`, and so does one whose backend leaves two such polls unanswered; within about five seconds. One that nobody could see ends as [`not_observed`](guardrails.md#what-counts-as-the-arms-error)',
    default: '`shadow.job_timeout`',
  },
  counter_shards: 'more Durable Objects for counters, for more traffic',
  ledger_shards:
    'the same for job ledgers; [may be raised](scale.md#adding-shards-to-a-running-release) while the release runs, and has no effect where it is lowered',
  arms: 'the backends, as `arms.control` and `arms.candidate`; [see below](#arms)',
  shadow: { meaning: 'copies of submits; [see below](#shadow)', default: 'as below' },
  rules: { meaning: '[see below](#rules)', type: 'list of tables, up to 100' },
  guardrails: { meaning: '[see below](#guardrails)', type: 'list of tables, 1 to 50', default: '[five](#guardrails)' },
  metrics: '[see below](#metrics-and-experiment)',
  experiment: { meaning: '[see below](#metrics-and-experiment)', default: 'as below' },
}

const MATCH: Reference<NonNullable<Release['match']>> = {
  paths: { meaning: 'path prefixes by whole segments', default: 'all' },
  models: { meaning: 'names that a submit may carry', default: 'all' },
}

const RUNG: Reference<Extract<NonNullable<Release['ladder']>[number], object>> = {
  percent: 'percent of the subjects',
  bake: { meaning: "in place of the release's", default: "the release's" },
  gate: "`experiment` asks for the [A/B report's decision](read-the-report.md#what-the-decision-does) as well; use it below 100 %",
  approval:
    'asks for an `approve` before the release leaves the rung automatically; an operator’s own advance is itself the approval',
}

const ARM: Reference<Release['arms']['control']> = {
  url: { meaning: 'the backend', default: 'needed, or `urls`' },
  urls: {
    meaning: 'replicas that share no job store: a new job goes to one by chance and stays there',
    type: 'list of URLs, 1 to 64',
    default: 'needed, or `url`',
  },
  model: {
    meaning: "name that this backend answers to; written into the body in place of the client's",
    default: "the client's",
  },
  rename: {
    meaning:
      'a field of the client\'s gets another name: `{ num_frames = "frames" }`; [see below](#fields-for-an-arm). Where the client has sent the other name too, that one stays and this one is taken out',
    type: 'table of field → field, up to 50',
  },
  set: {
    meaning: "fields that are put in, in place of the client's: `{ num_inference_steps = 4 }`",
    type: 'table of field → text, number, boolean or list, up to 50',
  },
  clamp: {
    meaning: 'bounds of a number, both included: `{ num_frames = { max = 81 } }`',
    type: 'table of field → `{ min, max }`, up to 50',
  },
  encoding:
    '`multipart`: a submit in JSON is sent to this backend as the form that says the same, for servers such as vLLM-Omni that read forms only',
  timeout: { meaning: 'to the response headers, and for job JSON to its end', default: '`"120s"`' },
  sync_timeout: {
    meaning:
      'the same for synchronous submits (`POST /v1/videos/sync`), whose headers come only once the video is made',
    default: "`timeout` where it is written, else the release's `job_timeout`",
  },
  auth: { meaning: 'sent as bearer token', type: 'name of a secret' },
  forward_authorization:
    "pass on the client's own `Authorization`, where the arm has no token of its own. The ledger has no credentials then and can't follow such jobs: one that no client polls to its end, and that the backend answers with 401, 403 or another refusal, ends at `job_timeout` as `not_observed`",
  cost_per_gpu_second:
    "price, in any currency; with both arms' the [report](read-the-report.md) has the cost of a finished video",
}

const SHADOW: Reference<NonNullable<Release['shadow']>> = {
  sample: "share of control's submits that are copied",
  during_canary: 'copy in canary stages too',
  max_in_flight:
    'shadow jobs open at one time; what comes beyond is dropped and counted. A ledger [keeps up with](deploy.md#how-many-jobs) about 1,000',
  max_jobs_per_day: 'copies a day (UTC)',
  max_body_bytes: 'larger submits are not copied',
  job_timeout: 'a shadow job is followed for so long',
}

const RULE: Reference<v.InferInput<typeof ruleSchema>> = {
  when: 'conditions, all of which must hold',
  arm: { meaning: 'where the request goes', default: 'needed, or `weight`' },
  weight: {
    meaning: 'multiplies the percent. It is allowed on `claim` and `subject` only, so that nobody flips between arms',
    default: 'needed, or `arm`',
  },
}

const WHEN: Reference<v.InferInput<typeof ruleSchema>['when']> = {
  claim: "a claim of the user's token, which has one of the values of `in`; without `in`: has any",
  header: 'the same for a request header',
  subject: 'the subject is one of these',
  country: "the country is one of these, as Cloudflare's two letters",
  model: 'the model that the client names is one of these',
  in: 'the values for `claim` or `header`',
  prompt_chars: { meaning: 'length of the prompt, both ends included', type: '`{ min, max }`' },
  duration_seconds: { meaning: 'length of the video that is asked for, both ends included', type: '`{ min, max }`' },
}

export const RELEASE_TABLES: readonly TableReference[] = [
  { id: 'release', paths: [''], keys: RELEASE },
  { id: 'wire', paths: ['wire'], keys: WIRE },
  { id: 'wire-statuses', paths: ['wire.statuses'], keys: STATUSES },
  { id: 'wire-failures', paths: ['wire.failures'], keys: FAILURES },
  { id: 'match', paths: ['match'], keys: MATCH },
  { id: 'rung', paths: ['ladder.[]'], keys: RUNG },
  { id: 'arm', paths: ['arms.control', 'arms.candidate'], keys: ARM },
  { id: 'shadow', paths: ['shadow'], keys: SHADOW },
  { id: 'rule', paths: ['rules.[]'], keys: RULE },
  { id: 'when', paths: ['rules.[].when'], keys: WHEN },
  { id: 'guardrail', paths: ['guardrails.[]'], keys: GUARDRAIL },
  { id: 'metric', paths: ['metrics.[]'], keys: METRIC },
  { id: 'experiment', paths: ['experiment'], keys: EXPERIMENT },
]
