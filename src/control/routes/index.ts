/** Every route of the API, in the order of the document. */
import type { AnyRoute } from '../route.ts'
import { assignRoutes } from './assign.ts'
import { configRoutes } from './config.ts'
import { releaseRoutes } from './releases.ts'

export const ROUTES: readonly AnyRoute[] = [...releaseRoutes, ...configRoutes, ...assignRoutes]
