/** Addresses of the gateway's that stand for a client's webhook: sealed, so that nobody else can have anything called. */
import type { IdKeys } from '../core/id-keys.ts'
import { type HookTag, openHookId, sealHookId } from '../core/job-id.ts'

const PATH = /^\/(slc_[\w-]+_slc)\/webhook$/

export function hookAddress(gatewayOrigin: string, hook: HookTag, keys: IdKeys): string {
  return `${gatewayOrigin}/${sealHookId(hook, keys)}/webhook`
}

export function isHookPath(path: string): boolean {
  return PATH.test(path)
}

/** Null for a path that is none, or was altered. */
export function hookAt(path: string, keys: IdKeys): HookTag | null {
  const [, id] = PATH.exec(path) ?? []
  return id === undefined ? null : openHookId(id, keys)
}

/** What the client wrote where a backend's answer has such an address; null for any other URL. */
export function clientUrlOf(url: string, keys: IdKeys): string | null {
  if (!url.endsWith('_slc/webhook') || !URL.canParse(url)) return null
  return hookAt(new URL(url).pathname, keys)?.url ?? null
}
