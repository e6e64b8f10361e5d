/** The deployed Worker's entry point: the two planes, the Durable Object classes and what they call in the Worker, nothing else. */
import { createSluice } from './plugin.ts'

export default createSluice()

export { CounterShard } from './durable/counter-shard.ts'
export { JobLedger } from './durable/job-ledger.ts'
export { LiveConfig } from './durable/live-config.ts'
export { PollRunner } from './durable/poll-runner.ts'
export { ReleaseController } from './durable/release-controller.ts'
