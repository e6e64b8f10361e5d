/**
 * What one isolate keeps between requests: configuration, keys, and the runtime of each release with its
 * snapshot, telemetry and breaker. Nothing here is truth; all of it may vanish at any time.
 */
import { signingKeys } from '../auth/keys.ts'
import { readTokens, type StaticToken } from '../auth/tokens.ts'
import { configOf, type Env } from '../config/env.ts'
import type { ReleaseConfig, SluiceConfig } from '../config/load.ts'
import { hash32 } from '../core/assignment.ts'
import { SluiceError } from '../core/errors.ts'
import { type IdKeys, idKeys } from '../core/id-keys.ts'
import { KEEP_JOBS_MS, type LedgerKey } from '../core/ledger-growth.ts'
import { isRunning, type Snapshot } from '../core/release.ts'
import type { JobLedgerRpc } from '../durable/rpc.ts'
import { PROTOCOL_NAMES, protocolOf } from '../protocols/index.ts'
import type { JobProtocol, Protocol } from '../protocols/protocol.ts'
import { Breaker } from './breaker.ts'
import { CopyLeases } from './copy-leases.ts'
import type { GatewayDeps } from './deps.ts'
import { LedgerPlaces } from './ledger-places.ts'
import { RateLimiter } from './rate-limit.ts'
import { SharedPolls } from './shared-polls.ts'
import { SnapshotCache } from './snapshot.ts'
import { Telemetry } from './telemetry.ts'

/** Bodies held for shadow copies at one time; beyond it copies are dropped and counted. */
export const MAX_COPY_BYTES = 16 * 1024 * 1024

export interface ReleaseRuntime<P extends Protocol = Protocol> {
  deps: GatewayDeps
  release: ReleaseConfig
  /** `hash32` of the name: how ids name the release. */
  hash: number
  protocol: P
  snapshots: SnapshotCache
  telemetry: Telemetry
  copies: CopyLeases
  breaker: Breaker
  /** Which ledgers there are, and in which of them a job is. */
  places: LedgerPlaces
  ledger: (index: number) => JobLedgerRpc
  /** The ledger that has this job, and those that may have a job of this owner. */
  ledgerOf: (job: LedgerKey) => JobLedgerRpc
  ledgersOf: (owner: string) => JobLedgerRpc[]
  /** Client ids that the ledgers told, by owner and backend id: a remix names its source in every answer. */
  issuedIds: Map<string, string>
  /** Jobs that their owners have asked this isolate to delete, by backend and its id. */
  givenUp: Set<string>
}

/** A release whose requests make jobs. */
export type JobRuntime = ReleaseRuntime<JobProtocol>

export type JobRuntimes = readonly JobRuntime[]

export function hasJobs(runtime: ReleaseRuntime): runtime is JobRuntime {
  return runtime.protocol.kind === 'jobs'
}

export interface Isolate {
  deps: GatewayDeps
  env: Env
  config: SluiceConfig
  runtimes: ReleaseRuntime[]
  /** The release in whose ledgers idempotency keys are kept, whichever release their bodies lead to. */
  claimed: () => JobRuntime
  keys: IdKeys
  tokens: StaticToken[]
  rateLimiter: RateLimiter
  polls: SharedPolls
  forceControl: boolean
  copyBytes: number
}

/** The isolate of each set of bindings; the platform gives the same one to every request. */
export class Isolates {
  readonly #deps: GatewayDeps
  readonly #isolates = new WeakMap<Env, Isolate>()

  constructor(deps: GatewayDeps) {
    this.#deps = deps
  }

  /** Throws `config_invalid`: nothing is routed on a half-read configuration. What is wrong with it the control plane tells. */
  of(env: Env): Isolate {
    let isolate = this.#isolates.get(env)
    if (!isolate) this.#isolates.set(env, (isolate = build(env, this.#deps)))
    return isolate
  }

  /** The snapshot that this isolate routes by, with its age; null where it has none. */
  lastSnapshot(env: Env, release: string): { snapshot: Snapshot; ageSeconds: number } | null {
    const snapshots = this.#isolates.get(env)?.runtimes.find((each) => each.release.name === release)?.snapshots
    if (!snapshots?.current) return null
    return { snapshot: snapshots.current, ageSeconds: snapshots.ageMs(this.#deps.now()) / 1000 }
  }
}

function build(env: Env, deps: GatewayDeps): Isolate {
  const read = configOf(env, PROTOCOL_NAMES)
  if (!read.ok) throw new SluiceError('config_invalid', 'the configuration is not valid; nothing is routed until it is')
  const runtimes = read.config.releases.map((release) => runtime(env, release, deps))
  return {
    deps,
    env,
    config: read.config,
    runtimes,
    claimed: () => runtimes.find(hasJobs)!,
    keys: idKeys(signingKeys(env.SLUICE_COOKIE_KEY)),
    tokens: readTokens(env.SLUICE_TOKENS).entries,
    rateLimiter: new RateLimiter(read.config.rateLimits),
    polls: new SharedPolls(deps),
    forceControl: env.SLUICE_FORCE_CONTROL === '1',
    copyBytes: 0,
  }
}

function runtime(env: Env, release: ReleaseConfig, deps: GatewayDeps): ReleaseRuntime {
  const { now, sleep, objects } = deps
  const { name, counterShards, ledgerShards } = release
  const source = deps.newId()
  const shardIndex = hash32(source) % counterShards
  const shard = () => objects.shard(env, name, shardIndex)
  const ledger = (index: number) => objects.ledger(env, name, index)
  const copies = new CopyLeases(source, now)
  const snapshots = new SnapshotCache(async () => {
    const known = await shard().snapshot()
    // A running release's controller comes by itself to say how many ledgers there were before this build.
    if (known && (known.ledgers || isRunning(known))) return known
    // One that an earlier build has pushed still holds where this build's controller can't be asked.
    return objects
      .controller(env, name)
      .snapshot()
      .catch(known ? () => known : undefined)
  })
  const places = new LedgerPlaces(ledgerShards, () => snapshots.current)
  return {
    deps,
    release,
    hash: hash32(name),
    protocol: protocolOf(release)!,
    snapshots,
    telemetry: new Telemetry({
      source,
      now,
      windowMs: release.windowMs,
      shard,
      sleep,
      onSnapshot: (snapshot) => snapshots.take(snapshot, now()),
      places,
      ledger,
      copies,
      quietAfterMs: release.quietAfterMs,
    }),
    copies,
    breaker: new Breaker(),
    places,
    ledger,
    ledgerOf: (job) => ledger(places.indexOf(job)),
    ledgersOf: (owner) => places.since(owner, now() - KEEP_JOBS_MS - release.jobTimeoutMs).map(ledger),
    issuedIds: new Map(),
    givenUp: new Set(),
  }
}
