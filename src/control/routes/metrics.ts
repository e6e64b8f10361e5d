/** Prometheus text of every release. */
import { ask, askEach } from '../ask.ts'
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
      const { answered, silent } = await askEach(service.names(), (name) => metricsOf(service, name))
      const names = silent.map(({ name }) => name)
      return new Response(prometheusText(metricFamilies(answered, names)), {
        headers: { 'content-type': PROMETHEUS_MEDIA_TYPE },
      })
    },
  }),
]

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
