/** Calls that the generated types must refuse: `npm run types` fails if one of them compiles. Nothing runs them. */
import { sluice } from './client.ts'

const params = { path: { name: 'wan22_t2v_abtest' } }

export const refused = [
  // @ts-expect-error there is no such path
  () => sluice.GET('/_sluice/api/v1/experiments'),
  // @ts-expect-error the release must be named
  () => sluice.GET('/_sluice/api/v1/releases/{name}'),
  // @ts-expect-error there is no such action
  () => sluice.POST('/_sluice/api/v1/releases/{name}/actions', { params, body: { action: 'explode' } }),
  // @ts-expect-error a percent is a number
  () => sluice.POST('/_sluice/api/v1/releases/{name}/actions', { params, body: { action: 'start', percent: '5' } }),
  // @ts-expect-error there is no such arm
  () => sluice.GET('/_sluice/api/v1/releases/{name}/jobs', { params: { ...params, query: { arm: 'shadow' } } }),
  // @ts-expect-error a state has no such field
  async () => (await sluice.GET('/_sluice/api/v1/releases/{name}', { params })).data?.percentage,
]
