/** What was counted: per stage, arm, operation and step of time. */
import * as v from 'valibot'
import { instant, parseDuration } from '../../config/fields.ts'
import { fault } from '../../config/issue-words.ts'
import { counterRowSchema, listOf } from '../../api/index.ts'
import { wrongKey } from '../read-request.ts'
import { releaseRead, route } from '../route.ts'

const HOUR_MS = 3_600_000

const stepSchema = v.pipe(
  v.string(),
  v.check((text) => (parseDuration(text) ?? 0) > 0, fault('not_duration', 'a duration like "60s", "5m" or "1h"')),
  v.transform((text) => parseDuration(text)!),
)

export const counterRoutes = [
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}/counters',
    operationId: 'getCounters',
    summary: 'Requests, errors by class and latencies; the last hour, window by window, if nothing is said',
    query: v.object({
      from: v.optional(instant),
      to: v.optional(instant),
      step: v.optional(stepSchema, '1s'),
    }),
    answer: {
      schema: listOf(counterRowSchema),
      description:
        'Rows, oldest first. A step is raised to a whole number of windows, and until there are no more than 2,000.',
    },
    run: async ({ service, name, query, now }) => {
      const toMs = query.to ?? now()
      const fromMs = query.from ?? toMs - HOUR_MS
      if (fromMs > toMs) throw wrongKey('from', 'period_backwards', 'must not be after to', 'from is after to')
      return { items: await service.counters(name, { fromMs, toMs, stepMs: query.step }), next: null }
    },
  }),
]
