/**
 * The dashboard: pages under `/_sluice` for callers whom the control plane has let in. Routes only;
 * each page gathers and renders in a file of its own.
 */
import { type Context, Hono } from 'hono'
import { historyPage } from './pages/history.tsx'
import { jobFilterOf, jobsPage } from './pages/jobs.tsx'
import { releasesPage } from './pages/releases.tsx'
import type { DashboardPort } from './port.ts'
import { showChange, showChanges } from './routes/changes.ts'
import { configure } from './routes/config.ts'
import { confirmAction } from './routes/confirm.ts'
import { showRelease } from './routes/release.ts'
import { showReport } from './routes/report.ts'
import { answer, type Visit, visitOf } from './visit.ts'

/** `portOf` is called once per request, after the control plane has let its caller in. Mount at `/_sluice`. */
export function createDashboard(portOf: (c: Context) => DashboardPort): Hono {
  const app = new Hono()
  const visit = (c: Context): Visit => visitOf(c, portOf(c))

  // The root with its slash: mounted, a plain '/' would only match the path without it.
  app.get('/:nothing{^$}', (c) => showReleases(c, visit(c)))
  app.get('/releases/:name', (c) => showRelease(c, visit(c), c.req.param('name')))
  app.get('/releases/:name/report', (c) => showReport(c, visit(c), c.req.param('name')))
  app.get('/releases/:name/jobs', (c) => showJobs(c, visit(c), c.req.param('name')))
  app.get('/releases/:name/history', (c) => showHistory(c, visit(c), c.req.param('name')))
  app.on(['GET', 'POST'], '/releases/:name/config', (c) => configure(c, visit(c), c.req.param('name')))
  app.on(['GET', 'POST'], '/releases/:name/changes', (c) => showChanges(c, visit(c), c.req.param('name')))
  app.on(['GET', 'POST'], '/releases/:name/changes/:id', (c) =>
    showChange(c, visit(c), c.req.param('name'), c.req.param('id')),
  )
  app.on(['GET', 'POST'], '/releases/:name/confirm/:action', (c) =>
    confirmAction(c, visit(c), c.req.param('name'), c.req.param('action')),
  )
  return app
}

async function showReleases(c: Context, visit: Visit): Promise<Response> {
  const releases = await visit.port.releases()
  const frame = visit.frame(visit.t.releases.title, 'releases', null)
  return answer(c, releasesPage(frame, releases, visit.port))
}

async function showJobs(c: Context, visit: Visit, name: string): Promise<Response> {
  const filter = jobFilterOf(new URL(c.req.url).searchParams)
  const jobs = await visit.port.jobs(name, filter, c.req.query('cursor') ?? null)
  const frame = visit.frame(visit.t.jobs.title, 'jobs', name)
  return answer(c, jobsPage(frame, name, filter, jobs, visit.port.nowMs))
}

async function showHistory(c: Context, visit: Visit, name: string): Promise<Response> {
  const history = await visit.port.history(name, c.req.query('cursor') ?? null)
  const frame = visit.frame(visit.t.history.title, 'history', name)
  return answer(c, historyPage(frame, name, history, visit.port.nowMs))
}
