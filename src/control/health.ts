/** Liveness and readiness, for whoever asks and without credentials; served and described from here. */
import * as v from 'valibot'
import { detailSchema } from '../api/index.ts'
import { detail, type ErrorCode } from '../core/errors.ts'
import { secretSlips } from '../auth/secret-slips.ts'
import type { ControlSettings } from './deps.ts'
import { lockedOut } from './identity.ts'
import { invalidConfig } from './pipeline.ts'

export interface HealthRoute {
  path: string
  operationId: string
  summary: string
  schema: v.GenericSchema
  refusals: readonly ErrorCode[]
  /** The configuration is read only by who needs it: liveness must not fail with it. */
  run(settings: () => ControlSettings): object
}

const FORCED = detail('SLUICE_FORCE_CONTROL', 'forced_control', 'break-glass is set: every new submit goes to control')

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
    summary: 'Readiness: the configuration is valid, else 503 with each wrong key; with what is wrong in the secrets',
    schema: v.object({
      status: v.literal('ready'),
      releases: v.number(),
      /** Break-glass, and entries of secrets that are left out; the others work. */
      warnings: v.optional(v.array(detailSchema)),
    }),
    refusals: ['config_invalid'],
    run: (read) => {
      const settings = read()
      const { config } = settings
      if (!config.ok) throw invalidConfig(config.issues)
      const slip = lockedOut(settings, config.config)
      if (slip) throw slip
      const forced = settings.forceControl ? [FORCED] : []
      const warnings = [...forced, ...secretSlips(settings)]
      const ready = { status: 'ready', releases: config.config.releases.length }
      return warnings.length > 0 ? { ...ready, warnings } : ready
    },
  },
]
