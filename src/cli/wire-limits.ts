/** What a release's wire can't do, and what follows for the settings that would want it. Judges no file. */
import type { ReleaseConfig } from '../config/load.ts'
import type { JobProtocol } from '../protocols/protocol.ts'

/** `path` begins below the release. */
export function wireLimits(
  { shadow, webhookOrigins, webhookSecret }: Pick<ReleaseConfig, 'shadow' | 'webhookOrigins' | 'webhookSecret'>,
  {
    name,
    cancelCall,
    contentCall,
    readWebhook,
    limits,
  }: Pick<JobProtocol, 'name' | 'cancelCall' | 'contentCall' | 'readWebhook' | 'limits'>,
): { path: string; message: string }[] {
  const unheard = Object.entries({ webhook_origins: webhookOrigins, webhook_secret: webhookSecret })
    .filter(([, value]) => value !== null && !readWebhook)
    .map(([path]) => ({ path, message: `${name} has no webhooks that a submit asks for: this does nothing` }))
  const always = [...unheard, ...(limits?.always ?? []).map((message) => ({ path: 'protocol', message }))]
  if (shadow.sample === 0) return always
  const ofCopies = [
    ...(cancelCall ? [] : [`${name} cancels no job: copies that a rollback ends run on at their backend`]),
    ...(contentCall ? [] : [`${name} names a video in the job's result only: a copy without one counts as ok`]),
    ...(limits?.ofCopies ?? []),
  ]
  return [...always, ...ofCopies.map((message) => ({ path: 'shadow.sample', message }))]
}
