/** What the control plane is given by whoever mounts it. It reads no environment and builds no object itself. */
import type { SecretTexts } from '../auth/secret-slips.ts'
import type { Env } from '../config/env.ts'
import type { ConfigResult } from '../config/load.ts'
import type { Snapshot } from '../core/release.ts'
import type { LiveConfigFacade } from '../durable/live-config-client.ts'
import type { ReleaseControllerRpc } from '../durable/controller-rpc.ts'
import type { JobLedgerRpc } from '../durable/rpc.ts'

export interface ControlDeps {
  readEnv(env: Env): ControlSettings
  /** A new stub each time: a stub that has failed once may be broken for good. */
  controller(env: Env, release: string): ReleaseControllerRpc
  ledger(env: Env, release: string, index: number): JobLedgerRpc
  liveConfig(env: Env, release: string): LiveConfigFacade
  /** Names that may stand under `protocol`. */
  protocols: readonly string[]
  /** The snapshot that this isolate routes by, with its age; null where it has none. */
  lastSnapshot(env: Env, release: string): { snapshot: Snapshot; ageSeconds: number } | null
  /** Unix ms. */
  now(): number
  newId(): string
  fetch(url: string, init: RequestInit): Promise<Response>
  /** One JSON line; never credentials, never prompts. */
  log(entry: Record<string, unknown>): void
}

export interface ControlSettings extends SecretTexts {
  config: ConfigResult
  /** Break-glass variable SLUICE_FORCE_CONTROL. */
  forceControl: boolean
}
