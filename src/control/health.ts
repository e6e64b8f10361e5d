/** Liveness and readiness, for whoever asks and without credentials; served and described from here. */
import * as v from 'valibot'
import type { ConfigResult } from '../config/load.ts'
import type { ErrorCode } from '../core/errors.ts'
import { invalidConfig } from './pipeline.ts'

export interface HealthRoute {
  path: string
  operationId: string
  summary: string
  schema: v.GenericSchema
  refusals: readonly ErrorCode[]
  /** The configuration is read only by who needs it: liveness must not fail with it. */
  run(config: () => ConfigResult): object
}

export const HEALTH_ROUTES: readonly HealthRoute[] = [
  {
    path: '/healthz',
    operationId: 'getHealth',
    summary: 'Liveness: the Worker answers',
    schema: v.object({ status: v.literal('ok') }),
    refusals: [],
    run: () => ({ status: 'ok' }),
  },
  {
    path: '/readyz',
    operationId: 'getReadiness',
    summary: 'Readiness: the configuration is valid, else 503 with each wrong key',
    schema: v.object({ status: v.literal('ready'), releases: v.number() }),
    refusals: ['config_invalid'],
    run: (read) => {
      const config = read()
      if (!config.ok) throw invalidConfig(config.issues)
      return { status: 'ready', releases: config.config.releases.length }
    },
  },
]
