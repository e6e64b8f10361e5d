/** What is asked in vain of a release whose protocol has no jobs: nothing of it is copied, so shadow can judge nothing. */
import type { ReleaseConfig } from '../../config/load.ts'
import type { ActionCommand } from '../../control/api.ts'
import type { ErrorDetail } from '../../core/errors.ts'
import { canaryStage } from '../../core/release.ts'
import { protocolOf } from '../../protocols/index.ts'

/** The command's key that is wrong, with what to send instead; null where the command makes sense. */
export function needsCopies(
  { protocol, ladder }: Pick<ReleaseConfig, 'protocol' | 'ladder'>,
  { action, stage = 'shadow' }: Pick<ActionCommand, 'action' | 'stage'>,
): ErrorDetail | null {
  if (protocolOf(protocol)?.hasJobs !== false) return null
  const why = `${protocol} copies nothing, since any call could do anything`
  if (action === 'set_shadow') return { path: 'sample', message: `${why}: there is no share to set` }
  if (action !== 'start' || stage !== 'shadow') return null
  const first = JSON.stringify({ action, stage: canaryStage(ladder[0]!.percent) })
  return { path: 'stage', message: `${why}, so shadow has nothing to judge: start at a canary stage, as ${first}` }
}
