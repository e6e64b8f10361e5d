/** What looks after a ledger's jobs, of a release whose wire has any, put together: they are followed, rescued and copied. */
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { jobProtocolOf } from '../../protocols/index.ts'
import { pollersOf } from '../poll-runner.ts'
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

/** What a ledger stores, as those have it who look after its jobs. */
export interface LedgerTables {
  jobs: JobTable
  bodies: Bodies
  downloads: Downloads
  funnel: Funnel
  /** Of what is counted. */
  writes: WriteOnce
}

/** Null for a wire without jobs. */
export function lookedAfter(
  ctx: DurableObjectState,
  env: Env,
  release: ReleaseConfig,
  tables: LedgerTables,
): LookedAfter | null {
  const protocol = jobProtocolOf(release)
  if (!protocol) return null
  const { storage } = ctx
  const { jobs, bodies, funnel } = tables
  const backend = new Backend(env, release, protocol)
  const cancellation = new ShadowCancellation(storage.sql, backend)
  const pace = new CopyPace(jobs)
  const onTried = () => ctx.waitUntil(follower.arm(Date.now()))
  const rescuer = new Rescuer({ jobs, bodies, backend, release, onTried })
  const pollers = pollersOf(ctx.exports, release.name, backend)
  const follower: Follower = new Follower({ ...tables, storage, pollers, pace, release, rescuer, cancellation })
  const index = objectIndexOf(ctx)
  const copies = new ShadowCopies({ sql: storage.sql, jobs, funnel, cancellation, pace, release, index })
  return { rescuer, follower, copies }
}
