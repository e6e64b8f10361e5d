/** The A/B report of a release, under the dashboard's path and under the API's `.html` and `.md`. */
import type { Context } from 'hono'
import { PAGE_HEADERS, pathOf } from '../pages/layout.tsx'
import { reportPage } from '../pages/report.tsx'
import { reportMarkdown } from '../report-markdown.ts'
import { reportHeadline } from '../report-words.ts'
import { answer, type Visit } from '../visit.ts'

export async function showReport(c: Context, visit: Visit, name: string): Promise<Response> {
  const report = await visit.port.report(name)
  const title = `${reportHeadline(report, visit.t)} ${name}`
  return answer(c, reportPage(visit.frame(title, 'experiment', name), report))
}

export async function showReportMarkdown(c: Context, visit: Visit, name: string): Promise<Response> {
  const report = await visit.port.report(name)
  const page = `${new URL(c.req.url).origin}${pathOf(name)}/report`
  const type = { 'content-type': 'text/markdown; charset=utf-8' }
  return c.body(reportMarkdown(report, visit.t, page), 200, { ...PAGE_HEADERS, ...type })
}
