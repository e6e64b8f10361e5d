/** What a release's wire can't do, or a declared one's table leaves out, and what follows for the settings. Judges no file. */
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

type Declared = Pick<ReleaseConfig, 'wire' | 'arms' | 'match' | 'rules'>

/** What follows from what the table of a declared wire leaves out; `path` begins below the release. */
export function declaredLimits({ wire, arms, match, rules }: Declared): { path: string; message: string }[] {
  if (!wire) return []
  const { statuses, failures, head, model, prompt, duration, frames, result } = wire
  const isKnown = (...places: unknown[]) => places.some((place) => place !== undefined)
  const namesModel = head !== '' || model !== undefined
  const limits: [holds: boolean, path: string, message: string][] = [
    [
      !isKnown(statuses.failed, statuses.refused, statuses.timed_out, statuses.lost, result),
      'wire.statuses',
      'no word is a failure: a job that fails is open until job_timeout',
    ],
    [
      !isKnown(statuses.refused, failures.refused),
      'wire.failures',
      "nothing is a refusal: what users are refused counts as the arm's failure",
    ],
    ...(['control', 'candidate'] as const).map((arm): [boolean, string, string] => [
      !namesModel && arms[arm].model !== null,
      `arms.${arm}.model`,
      'the table wire names no place for a model, so this is written nowhere',
    ]),
    [
      !namesModel && match.models !== null,
      'match.models',
      'the table wire names no place for a model, so no submit matches',
    ],
    ...rules.flatMap(({ when }, i): [boolean, string, string][] => [
      [
        when.promptChars !== undefined && !isKnown(prompt),
        `rules.${i}.when.prompt_chars`,
        'the table wire names no prompt, so this never holds',
      ],
      [
        when.durationSeconds !== undefined && !isKnown(duration, frames),
        `rules.${i}.when.duration_seconds`,
        'the table wire names neither duration nor frames, so this never holds',
      ],
    ]),
  ]
  return limits.filter(([holds]) => holds).map(([, path, message]) => ({ path, message }))
}
