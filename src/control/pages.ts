/** What browsers see: assets and log-in for everybody, the dashboard for whoever may look. The pages are the dashboard's. */
import type { Hono, MiddlewareHandler } from 'hono'
import { SluiceError } from '../core/errors.ts'
import { assetResponse } from '../dashboard/assets.ts'
import { createDashboard } from '../dashboard/index.tsx'
import { dashboardPort } from './dashboard-port.ts'
import type { ControlDeps } from './deps.ts'
import { LOGIN_PATH, showLogin, takeLogin, takeLogout, toLogin } from './login.ts'
import { CONTROL_PREFIX, type ControlEnv, notFound, prepare, requireRole } from './pipeline.ts'

/** Changes made on the pages ask for higher roles in dashboard-port.ts. */
export function mountPages(app: Hono<ControlEnv>, deps: ControlDeps): void {
  app.get(CONTROL_PREFIX, (c) => c.redirect(`${CONTROL_PREFIX}/`, 308))
  app.get(`${CONTROL_PREFIX}/assets/*`, (c) => assetResponse(c.req.path) ?? notFound())
  app.get(LOGIN_PATH, showLogin)
  app.post(LOGIN_PATH, prepare(deps), (c) => takeLogin(c, deps.now()))
  app.post(`${CONTROL_PREFIX}/logout`, takeLogout)
  app.use(`${CONTROL_PREFIX}/*`, prepare(deps), viewersOrLogin(deps))
  app.route(
    CONTROL_PREFIX,
    createDashboard(({ var: { service, caller, config } }) =>
      dashboardPort(service, caller, config.environment, deps.now()),
    ),
  )
}

function viewersOrLogin(deps: ControlDeps): MiddlewareHandler<ControlEnv> {
  const requireViewer = requireRole(deps, 'viewer')
  return async (c, next) => {
    try {
      return await requireViewer(c, next)
    } catch (error) {
      const stranger = error instanceof SluiceError && error.code === 'unauthenticated'
      const wantsPage = c.req.method === 'GET' && c.req.header('accept')?.includes('text/html')
      if (stranger && wantsPage) return toLogin(c)
      throw error
    }
  }
}
