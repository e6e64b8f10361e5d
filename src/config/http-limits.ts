/**
 * What a release of protocol `http` can't do: there are no jobs, and bodies are streamed on unread. Keys that do
 * nothing there are told as warnings; judges nothing that the schemas judge already.
 */
import { detail, type ErrorDetail } from '../core/errors.ts'
import { valuesAt } from './paths.ts'
import { shadowEntries } from './release-schema.ts'

interface Limit {
  /** As `valuesAt` takes them. */
  paths: readonly string[]
  code: string
  message: string
  /** The one value that asks for something impossible; without it any value does. */
  only?: unknown
}

const UNREAD = 'http streams bodies on unread'
const MODELS_UNKNOWN = `${UNREAD}, so their models aren't known: match by paths instead`
const NO_MODEL = `${UNREAD}, so no model can be written into them: take this out; each client or backend names its own`
const NO_FIELDS = `${UNREAD}, so nothing in them can be changed: take this out`
const NEVER_HOLDS = `${UNREAD}, so this never holds: use claim, header, subject or country`
const NO_COPIES = 'http copies nothing, since any call could do anything: take this out, and start at a canary stage'
const NO_FAILOVER = `${UNREAD}, so no call can be sent again: take this out; a guardrail on error_rate ends a failing candidate`
const NO_IDS = 'http has no job ids, and leaves all answers as they are: take this out'
const NO_LEGACY = 'http has no job ids, so none is told from any other path: take this out'
const NO_ENDS = 'http has no jobs whose end could be told: take this out'
const NO_SYNC = 'http waits for each call as long as timeout says: set that instead'

const FIELD_KEYS = ['rename', 'set', 'clamp', 'encoding']
const UNREAD_FACTS = ['model', 'prompt_chars', 'duration_seconds']

const LIMITS: readonly Limit[] = [
  { paths: ['match.models'], code: 'http_unread', message: MODELS_UNKNOWN },
  { paths: ['arms.*.model'], code: 'http_unread', message: NO_MODEL },
  { paths: FIELD_KEYS.map((key) => `arms.*.${key}`), code: 'http_unread', message: NO_FIELDS },
  { paths: ['arms.*.sync_timeout'], code: 'http_one_timeout', message: NO_SYNC },
  { paths: ['failover'], only: true, code: 'http_unread', message: NO_FAILOVER },
  { paths: ['rescue'], only: true, code: 'http_no_jobs', message: 'http has no jobs to rescue: take this out' },
  { paths: ['id_mode'], only: 'native', code: 'http_no_jobs', message: NO_IDS },
  { paths: ['legacy_ids'], code: 'http_no_jobs', message: NO_LEGACY },
  { paths: ['client_webhooks', 'webhook_origins', 'webhook_secret'], code: 'http_no_jobs', message: NO_ENDS },
  { paths: Object.keys(shadowEntries).map((key) => `shadow.${key}`), code: 'http_no_copies', message: NO_COPIES },
  { paths: UNREAD_FACTS.map((key) => `rules.*.when.${key}`), code: 'http_unread', message: NEVER_HOLDS },
]

/** What a release's table asks for in vain; paths begin below the release. */
export function httpWarnings(release: Record<string, unknown>): ErrorDetail[] {
  if (release['protocol'] !== 'http') return []
  return LIMITS.flatMap(({ paths, code, message, only }) =>
    paths
      .flatMap((path) => valuesAt(release, path))
      .filter(({ value }) => only === undefined || value === only)
      .map((found) => detail(found.path, code, message)),
  )
}
