/** For each operation of the control plane a request that is answered with 200 while the release is in canary. */
import type { Operation } from './openapi.ts'
import type { Asker, Call } from './openapi-calls.ts'

type Sample = Pick<Call, 'query' | 'body'>

/** What an operation needs beyond the release's name in the path. */
function sampleOf(operationId: string, release: string): Sample {
  switch (operationId) {
    case 'actOnRelease':
      return json({ action: 'rollback', dry_run: true, reason: 'what if?' })
    case 'patchConfig':
      return { ...json({ bake: '2s' }), query: { reason: 'test', dry_run: 'true' } }
    case 'clearConfig':
      return { query: { dry_run: 'true' } }
    case 'proposeChange':
      return json({ title: 'slower', patch: { bake: '3s' } })
    case 'editChange':
      return json({ revision: 1, title: 'much slower', patch: { bake: '4s' } })
    case 'reviewChange':
      return json({ revision: 1, verdict: 'comment', comment: 'why?' })
    case 'rebaseChange':
    case 'discardChange':
    case 'publishChange':
      return json({ revision: 1 })
    case 'restoreVersion':
      return { query: { dry_run: 'true' } }
    case 'getCounters':
      return { query: { from: '2026-01-01T00:00:00Z', step: '5s' } }
    case 'listJobs':
      return { query: { arm: 'candidate', limit: '2' } }
    case 'assign':
      return { query: { release, subject: 'user-1' } }
    case 'postSignals':
      return json([{ release, arm: 'candidate', metric: 'fvd', value: 211.5 }])
    case 'postEvents':
      return json([{ release, subject: 'user-1', metric: 'liked', value: 1 }])
    default:
      return {}
  }
}

export function goodCall({ operationId }: Operation, release: string, as: Asker): Call {
  return { as, name: release, ...sampleOf(operationId, release) }
}

function json(body: unknown): { body: string } {
  return { body: JSON.stringify(body) }
}
