/** Prometheus text of every release. */
import { ask } from '../ask.ts'
import { SluiceError } from '../../core/errors.ts'
import { metricFamilies, type ReleaseMetrics } from '../metrics.ts'
import { PROMETHEUS_MEDIA_TYPE, prometheusText } from '../prometheus-text.ts'
import { route } from '../route.ts'
import type { ControlService } from '../service.ts'

export const metricRoutes = [
  route({
    method: 'get',
    path: '/metrics',
    operationId: 'getMetrics',
    summary: 'Metrics for Prometheus',
    role: 'viewer',
    answer: { mediaType: 'text/plain', description: 'Text format 0.0.4.' },
    refusals: [],
    run: async ({ service }) => {
      const found = await Promise.all(
        service.names().map(async (name) => (await metricsIfThere(service, name)) ?? name),
      )
      const silent = found.filter((each) => typeof each === 'string')
      const releases = found.filter((each) => typeof each !== 'string')
      return new Response(prometheusText(metricFamilies(releases, silent)), {
        headers: { 'content-type': PROMETHEUS_MEDIA_TYPE },
      })
    },
  }),
]

/** Null where its controller does not answer: the others are told all the same, or nobody would be alerted of them either. */
async function metricsIfThere(service: ControlService, name: string): Promise<ReleaseMetrics | null> {
  try {
    return await metricsOf(service, name)
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'control_plane_unavailable') return null
    throw error
  }
}

async function metricsOf(service: ControlService, name: string): Promise<ReleaseMetrics> {
  const [view, totals, rollbacks, telemetryLost, signals] = await Promise.all([
    service.release(name),
    ask(service.controller(name).totals()),
    ask(service.controller(name).rollbacks()),
    ask(service.controller(name).telemetryLost()),
    ask(service.controller(name).signals()),
  ])
  return { view, totals, rollbacks, telemetryLost, signals, snapshotAgeSeconds: service.snapshotAgeSeconds(name) }
}
