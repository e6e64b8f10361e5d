/** What the parts of a controller work with. Shapes only. */
import type { Env } from '../../config/env.ts'
import type { Effective } from './effective.ts'
import type { Outbox } from './outbox.ts'
import type { Signals } from './signals.ts'
import type { ControllerStore } from './store.ts'

export interface ControllerParts {
  env: Env
  /** The release's. */
  name: string
  storage: DurableObjectStorage
  store: ControllerStore
  outbox: Outbox
  signals: Signals
  /** The configuration as it is now: it may change while something is waited for. */
  effective: () => Effective
}
