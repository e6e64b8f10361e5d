/** What looks after a ledger's jobs, of a release whose wire has any, put together: they are followed, rescued and copied. */
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { jobProtocolOf } from '../../protocols/index.ts'
import { type Pollers, pollersOf } from '../poll-runner.ts'
import { objectIndexOf } from '../stubs.ts'
import type { WriteOnce } from '../write-once.ts'
import { Backend } from './backend.ts'
import type { Bodies } from './bodies.ts'
import { CopyPace } from './copy-pace.ts'
import type { Downloads } from './downloads.ts'
import { Follower } from './follower.ts'
import type { Funnel } from './funnel.ts'
import type { JobTable } from './job-table.ts'
import { Rescuer } from './rescuer.ts'
import { ShadowCancellation } from './shadow-cancellation.ts'
import { ShadowCopies } from './shadow-copies.ts'

export interface LookedAfter {
  rescuer: Rescuer
  follower: Follower
  copies: ShadowCopies
}

/** What they work with. */
export interface LedgerParts {
  storage: DurableObjectStorage
  jobs: JobTable
  bodies: Bodies
  downloads: Downloads
  funnel: Funnel
  /** Of what is counted. */
  writes: WriteOnce
  release: ReleaseConfig
  /** The ledger's own among those of its release. */
  index: number
  backend: Backend
  pollers: Pollers
  pace: CopyPace
  cancellation: ShadowCancellation
}

/** Null for a wire without jobs. */
export function lookedAfter(
  ctx: DurableObjectState,
  env: Env,
  release: ReleaseConfig,
  tables: Pick<LedgerParts, 'jobs' | 'bodies' | 'downloads' | 'funnel' | 'writes'>,
): LookedAfter | null {
  const protocol = jobProtocolOf(release)
  if (!protocol) return null
  const { storage } = ctx
  const backend = new Backend(env, release, protocol)
  const parts: LedgerParts = {
    ...tables,
    ...{ storage, release, index: objectIndexOf(ctx), backend },
    pollers: pollersOf(ctx.exports, release.name, backend),
    pace: new CopyPace(tables.jobs),
    cancellation: new ShadowCancellation(storage.sql, backend),
  }
  const rescuer = new Rescuer(parts, () => ctx.waitUntil(follower.arm(Date.now())))
  const follower: Follower = new Follower(parts, rescuer)
  return { rescuer, follower, copies: new ShadowCopies(parts) }
}
