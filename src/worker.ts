/** The deployed Worker's front door: the two planes and the Durable Object classes, nothing else. */
import { createSluice } from './plugin.ts'

export default createSluice()

export { CounterShard } from './durable/counter-shard.ts'
export { JobLedger } from './durable/job-ledger.ts'
export { LiveConfig } from './durable/live-config.ts'
export { ReleaseController } from './durable/release-controller.ts'
