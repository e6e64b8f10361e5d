/**
 * One release from its configuration to its end, by the typed client alone; a line of JSON tells of each step.
 * It needs a release that is idle, traffic at the gateway (`npm start` in the project makes some) and the role admin.
 */
import { must, sluice, until } from './client.ts'
import type { components } from './control-plane.d.ts'
import { end } from './server.ts'

const path = { name: process.argv[2] ?? 'wan22_t2v_abtest' }

function tell(step: string, more: object): void {
  console.log(JSON.stringify({ step, ...more }))
}

const view = () => must(sluice.GET('/_sluice/api/v1/releases/{name}', { params: { path } }))

async function act(body: components['schemas']['Action']): Promise<void> {
  const after = await must(sluice.POST('/_sluice/api/v1/releases/{name}/actions', { params: { path }, body }))
  tell(body.action, { stage: after.stage, percent: after.percent, paused: after.paused, sample: after.shadow.sample })
}

await life().catch(end)

async function life(): Promise<void> {
  tell('before', { stage: (await view()).stage })

  const change = { params: { path, query: { reason: 'a shorter bake' } }, body: { bake: '2s' } }
  const patched = await must(sluice.PATCH('/_sluice/api/v1/releases/{name}/config', change))
  tell('config patched', { bake: patched.values['bake']?.value, source: patched.values['bake']?.source })
  const cleared = await must(sluice.DELETE('/_sluice/api/v1/releases/{name}/config', { params: { path } }))
  tell('config cleared', { source: cleared.values['bake']?.source })

  await act({ action: 'start', reason: 'first look' })
  const pairs = await until(
    () => must(sluice.GET('/_sluice/api/v1/releases/{name}/pairs', { params: { path, query: { limit: '5' } } })),
    ({ items }) => items.length > 0,
  )
  tell('pairs', { control: pairs.items[0]?.control.url, candidate: pairs.items[0]?.candidate.url })

  await act({ action: 'advance', reason: 'the copies are well', force: true })
  await act({ action: 'set_percent', reason: 'half of the users', percent: 50 })
  await act({ action: 'set_shadow', reason: 'and half of the rest as copies', sample: 0.5, during_canary: true })
  await act({ action: 'pause', reason: 'lunch' })
  await act({ action: 'resume', reason: 'back' })

  const stale = await sluice.POST('/_sluice/api/v1/releases/{name}/actions', {
    params: { path, header: { 'If-Match': '"0"' } },
    body: { action: 'pause' },
  })
  tell('stale', { status: stale.response.status, code: stale.error?.error.code })

  const subject = 'user-1'
  const query = { release: path.name, subject }
  const { arm, reason, position } = await must(sluice.GET('/_sluice/api/v1/assign', { params: { query } }))
  tell('assign', { subject, arm, reason, position })

  const onCandidate = { path, query: { arm: 'candidate', status: 'succeeded', shadow: 'false' } } as const
  const jobs = await until(
    () => must(sluice.GET('/_sluice/api/v1/releases/{name}/jobs', { params: onCandidate })),
    ({ items }) => items.length > 0,
  )
  tell('jobs', { arms: [...new Set(jobs.items.map((job) => job.arm))], seconds: jobs.items[0]?.seconds })

  const counters = await until(
    () => must(sluice.GET('/_sluice/api/v1/releases/{name}/counters', { params: { path } })),
    ({ items }) => items.some((row) => row.arm === 'candidate' && row.operation === 'job' && !row.shadow),
  )
  const submits = counters.items.filter((row) => row.operation === 'submit' && !row.shadow)
  tell('counters', { submits: submits.reduce((sum, row) => sum + row.requests, 0) })

  await act({ action: 'rollback', reason: 'enough for today' })
  await act({ action: 'reset', reason: 'as it was' })
  const history = await must(sluice.GET('/_sluice/api/v1/releases/{name}/history', { params: { path } }))
  tell('history', { actions: history.items.map(({ action }) => action).toReversed(), who: history.items[0]?.who })
}
