/** Which arm a subject gets, and why, without counting anything. */
import * as v from 'valibot'
import { assignmentSchema } from '../../api/index.ts'
import { releaseRead, route } from '../route.ts'

export const assignRoutes = [
  route({
    ...releaseRead,
    path: '/api/v1/assign',
    operationId: 'assign',
    summary: 'The arm of a subject of whom nothing else is known',
    query: v.object({
      release: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
      subject: v.pipe(v.string(), v.minLength(1), v.maxLength(1000)),
    }),
    answer: { schema: assignmentSchema, description: 'The decision.' },
    run: ({ service, query }) => service.assign(query.release, query.subject),
  }),
]
