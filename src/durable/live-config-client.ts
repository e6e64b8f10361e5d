/**
 * The only file that touches itty-durable's proxy, which answers to every name (`then` included, so awaiting it hangs).
 * It hands out a plain object of exactly the methods below. Arguments travel in a header: small, and in ASCII.
 */
import { proxyDurable } from 'itty-durable'
import { SluiceError } from '../core/errors.ts'
import type { ChangeRequest, Ending, Proposal, Refused, Review } from './live-config-data.ts'

export type ChangeResult = { ok: true; request: ChangeRequest } | Refused

/** People are `token:NAME` or `user:SUBJECT`, times ISO 8601. */
export interface LiveConfigFacade {
  /** All that is kept, newest first. */
  changes(): Promise<ChangeRequest[]>
  /** Its number is greater than `above`, and than all before. */
  propose(proposal: Proposal, author: string, at: string, above?: number): Promise<ChangeResult>
  edit(id: number, revision: number, edit: Partial<Proposal>, at: string): Promise<ChangeResult>
  review(id: number, review: Review): Promise<ChangeResult>
  end(id: number, revision: number | null, ending: Ending): Promise<ChangeResult>
}

/** Anything else on the object's prototype chain, `destroy` and `persist` included, could be called by name too. */
export const CALLABLE: (keyof LiveConfigFacade)[] = ['changes', 'propose', 'edit', 'review', 'end']

/** Room for the largest overlay in whatever script, and half of what the platform takes as headers. */
const MAX_ARGUMENT_BYTES = 65_536

/** Of one release. Throws SluiceError `body_too_large` for arguments above 64 KB; failures of the object reject. */
export function liveConfig(namespace: DurableObjectNamespace, release: string): LiveConfigFacade {
  const call = async (method: string, args: unknown[]): Promise<unknown> => {
    const packed = ascii(JSON.stringify(args))
    if (JSON.stringify([packed]).length > MAX_ARGUMENT_BYTES) {
      throw new SluiceError('body_too_large', `what live-config is given may have ${MAX_ARGUMENT_BYTES} bytes`)
    }
    // The name is made ASCII as well, and can't be taken for an id, which is 64 hex digits.
    const stub = proxyDurable(namespace, { parse: true }).get(`release:${encodeURIComponent(release)}`)
    return stub[method](packed)
  }
  const methods = CALLABLE.map((method) => [method, (...args: unknown[]) => call(method, args)])
  return Object.fromEntries(methods) as LiveConfigFacade
}

function ascii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
