/** What a release's wire can't do, and what follows for the settings that would want it. Judges no file. */
import type { ReleaseConfig } from '../config/load.ts'
import type { JobProtocol } from '../protocols/protocol.ts'

/** `path` begins below the release. */
export function wireLimits(
  { shadow }: Pick<ReleaseConfig, 'shadow'>,
  { name, cancelCall, contentCall }: Pick<JobProtocol, 'name' | 'cancelCall' | 'contentCall'>,
): { path: string; message: string }[] {
  if (shadow.sample === 0) return []
  const path = 'shadow.sample'
  return [
    ...(cancelCall
      ? []
      : [{ path, message: `${name} cancels no job: copies that a rollback ends run on at their backend` }]),
    ...(contentCall
      ? []
      : [{ path, message: `${name} names a video in the job's result only: a copy without one counts as ok` }]),
  ]
}
