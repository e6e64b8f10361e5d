/** What browsers see: assets and log-in for everybody, the dashboard for whoever may look. The pages are the dashboard's. */
import type { Hono, MiddlewareHandler } from 'hono'
import { assetResponse } from '../dashboard/assets.ts'
import { createDashboard } from '../dashboard/index.tsx'
import { dashboardPort } from './dashboard-port.ts'
import type { ControlDeps } from './deps.ts'
import { LOGIN_PATH, showLogin, takeLogin, takeLogout } from './login.ts'
import { CONTROL_PREFIX, type ControlEnv, notFound, prepare, requireRole } from './pipeline.ts'
import { readText } from './read-request.ts'

/** The dashboard reads its forms as text; they may be as large as any other body here. */
const smallForms: MiddlewareHandler<ControlEnv> = async (c, next) => {
  const { raw } = c.req
  if (raw.method === 'POST') c.req.raw = new Request(raw, { method: 'POST', body: await readText(raw.body) })
  await next()
}

/** Changes made on the pages ask for higher roles in dashboard-port.ts. */
export function mountPages(app: Hono<ControlEnv>, deps: ControlDeps): void {
  app.get(CONTROL_PREFIX, (c) => c.redirect(`${CONTROL_PREFIX}/`, 308))
  app.get(`${CONTROL_PREFIX}/assets/*`, (c) => assetResponse(c.req.path) ?? notFound())
  app.get(LOGIN_PATH, showLogin)
  app.post(LOGIN_PATH, prepare(deps), (c) => takeLogin(c, deps.now()))
  app.post(`${CONTROL_PREFIX}/logout`, takeLogout)
  app.use(`${CONTROL_PREFIX}/*`, prepare(deps), requireRole(deps, 'viewer'), smallForms)
  app.route(
    CONTROL_PREFIX,
    createDashboard(({ var: { service, caller, config } }) =>
      dashboardPort(service, caller, config.environment, deps.now()),
    ),
  )
}
