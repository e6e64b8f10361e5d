/** The state machine of a release. (Types first.) */
import type { Rule } from './rules.ts'

export type State = 'idle' | 'shadow' | 'canary' | 'completed' | 'rolled_back'

/** What an isolate needs to route. The highest version wins everywhere. */
export interface Snapshot {
  schema: 1
  release: string
  state: State
  stage: string
  percent: number
  epoch: number
  version: number
  paused: boolean
  /** Copies are made when `sample` > 0: while shadowing, and during canary if so configured. */
  shadow: { sample: number; maxBodyBytes: number }
  rules: readonly Rule[]
  failover: boolean
  rescue: boolean
}
