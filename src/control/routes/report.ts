/** The A/B report as JSON, and under `.html` as the dashboard's page of it. */
import type { Context } from 'hono'
import { showReport } from '../../dashboard/routes/report.ts'
import { visitOf } from '../../dashboard/visit.ts'
import { reportSchema } from '../../api/experiment.ts'
import { dashboardPort } from '../dashboard-port.ts'
import type { ControlEnv } from '../pipeline.ts'
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
  route({
    ...common,
    path: '/api/v1/releases/{name}/report.html',
    operationId: 'getReportPage',
    summary: 'The same as a page, in the language that the reader asks for',
    answer: { mediaType: 'text/html', description: 'The page.' },
    run: async ({ c, service, name, caller, now }) => {
      // Asked first, so that a refusal is the API's and not a page.
      await service.report(name)
      const { config } = (c as Context<ControlEnv>).var
      return showReport(c, visitOf(c, dashboardPort(service, caller, config.environment, now())), name)
    },
  }),
]
