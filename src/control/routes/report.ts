/** The A/B report as JSON, and under `.html` and `.md` as the dashboard writes it. */
import type { Context } from 'hono'
import { showReport, showReportMarkdown } from '../../dashboard/routes/report.ts'
import { visitOf } from '../../dashboard/visit.ts'
import { reportSchema } from '../../api/experiment.ts'
import { dashboardPort } from '../dashboard-port.ts'
import type { ControlEnv } from '../pipeline.ts'
import { type AnyRoute, route } from '../route.ts'

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
    run: (call) => written(call, showReport),
  }),
  route({
    ...common,
    path: '/api/v1/releases/{name}/report.md',
    operationId: 'getReportMarkdown',
    summary: 'The same as Markdown for a ticket, in the language that the reader asks for',
    answer: { mediaType: 'text/markdown', description: 'Decision, reasons, what would change it, and figures.' },
    run: (call) => written(call, showReportMarkdown),
  }),
]

type Asked = Pick<Parameters<AnyRoute['run']>[0], 'c' | 'service' | 'name' | 'caller' | 'now'>

async function written({ c, service, name, caller, now }: Asked, show: typeof showReport): Promise<Response> {
  // Asked first, so that a refusal is the API's and not a page.
  await service.report(name)
  const { config } = (c as Context<ControlEnv>).var
  return show(c, visitOf(c, dashboardPort(service, caller, config.environment, now())), name)
}
