/** The A/B report as JSON, and under `.html` and `.md` as the dashboard writes it. */
import type { Context } from 'hono'
import { showReport, showReportMarkdown } from '../../dashboard/routes/report.ts'
import { visitOf } from '../../dashboard/visit.ts'
import { reportSchema } from '../../api/experiment.ts'
import { dailyCsv, dailyNdjson, type DailyRow } from '../../core/daily-sums.ts'
import { dashboardPort } from '../dashboard-port.ts'
import type { ControlEnv } from '../pipeline.ts'
import { type AnyRoute, releaseRead, route } from '../route.ts'

const common = {
  ...releaseRead,
  answer: {
    schema: reportSchema,
    description: 'Figures, whether they may be read, and the decision with its reasons.',
  },
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
    method: 'post',
    role: 'operator',
    path: '/api/v1/releases/{name}/report/self-check',
    operationId: 'checkReport',
    summary: 'Split control against itself a thousand times; the report then shows what its tests found',
    run: ({ service, name }) => service.selfCheck(name),
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
  route({
    ...common,
    path: '/api/v1/releases/{name}/report.csv',
    operationId: 'getDailySumsCsv',
    summary: 'The sums behind the report by day, metric and arm, for a warehouse',
    answer: { mediaType: 'text/csv', description: 'A line of names, then a line for each day, metric and arm.' },
    run: async (call) => file('csv', 'text/csv', call.name, dailyCsv(await dailyRows(call))),
  }),
  route({
    ...common,
    path: '/api/v1/releases/{name}/report.ndjson',
    operationId: 'getDailySumsNdjson',
    summary: 'The same, a JSON object a line',
    answer: { mediaType: 'application/x-ndjson', description: 'An object for each day, metric and arm.' },
    run: async (call) => file('ndjson', 'application/x-ndjson', call.name, dailyNdjson(await dailyRows(call))),
  }),
]

async function dailyRows({ service, name }: Pick<Asked, 'service' | 'name'>): Promise<DailyRow[]> {
  return (await service.dailySums(name)).map((row) => ({ release: name, ...row }))
}

/** A browser saves it under the release's name. */
function file(extension: string, type: string, release: string, body: string): Response {
  const headers = { 'content-type': `${type}; charset=utf-8`, 'x-content-type-options': 'nosniff' }
  const saved = `attachment; filename*=UTF-8''${encodeURIComponent(release).replaceAll(/['()*]/g, '_')}.daily.${extension}`
  return new Response(body, { headers: { ...headers, 'content-disposition': saved, 'cache-control': 'no-store' } })
}

type Asked = Pick<Parameters<AnyRoute['run']>[0], 'c' | 'service' | 'name' | 'caller' | 'now'>

async function written({ c, service, name, caller, now }: Asked, show: typeof showReport): Promise<Response> {
  const { config } = (c as Context<ControlEnv>).var
  return show(c, visitOf(c, dashboardPort(service, caller, config.environment, now())), name)
}
