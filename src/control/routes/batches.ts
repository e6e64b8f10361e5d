/** Batches of what is measured outside: signals of evaluators, events of players. */
import { batchAnswerSchema, eventSchema, signalSchema } from '../../api/experiment.ts'
import { batchAnswer, readBatch } from '../read-batch.ts'
import { route } from '../route.ts'
import { addressOf, isPage } from '../write-key.ts'

const answer = { schema: batchAnswerSchema, description: 'All rows were good.' }

export const batchRoutes = [
  route({
    method: 'post',
    path: '/api/v1/signals',
    operationId: 'postSignals',
    summary: 'Quality, resources and cost of an arm, measured outside: up to 1,000 rows as a JSON array or NDJSON',
    role: 'operator',
    batch: signalSchema,
    answer,
    refusals: [],
    run: async ({ service, c }) => {
      const batch = await readBatch(c.req.raw, signalSchema)
      return batchAnswer(c, batch, await service.experiment.addSignals(batch.rows))
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/events',
    operationId: 'postEvents',
    summary: 'What subjects did with their videos: up to 1,000 rows as a JSON array or NDJSON',
    role: 'operator',
    openToPages: true,
    batch: eventSchema,
    answer,
    refusals: ['rate_limited'],
    run: async ({ service, c, caller, now }) => {
      const batch = await readBatch(c.req.raw, eventSchema)
      const fromPage = isPage(caller)
      if (fromPage) service.keyLimits.takeRows(caller.who, addressOf(c.req.raw), batch.sent, now())
      return batchAnswer(c, batch, await service.experiment.addEvents(batch.rows, fromPage))
    },
  }),
]
