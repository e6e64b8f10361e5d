/** The dashboard as a Hono app. (Port first; pages follow.) */
import { type Context, Hono } from 'hono'
import type { DashboardPort } from './port.ts'

export type { DashboardPort, DashboardJobFilter, Page, PortRefusal, PortResult } from './port.ts'

/** Pages under `/_sluice`; `portOf` is called once per request. */
export function createDashboard(_portOf: (c: Context) => DashboardPort): Hono {
  return new Hono()
}
