/** The A/B report as JSON; as a page it is the dashboard's. */
import { reportSchema } from '../api-experiment.ts'
import { route } from '../route.ts'

const common = {
  method: 'get',
  role: 'viewer',
  answer: {
    schema: reportSchema,
    description: 'Figures, whether they may be read, and the decision with its reasons.',
  },
  refusals: ['release_not_found'],
} as const

export const reportRoutes = [
  route({
    ...common,
    path: '/api/v1/releases/{name}/report',
    operationId: 'getReport',
    summary: 'The A/B report and its decision',
    run: ({ service, name }) => service.report(name),
  }),
  route({
    ...common,
    path: '/api/v1/releases/{name}/report.json',
    operationId: 'getReportJson',
    summary: 'The same, under a name that says so',
    run: ({ service, name }) => service.report(name),
  }),
]
