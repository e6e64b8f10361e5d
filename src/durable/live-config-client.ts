/**
 * The only file that touches itty-durable's proxy, which answers to every name (`then` included, so awaiting it hangs).
 * It hands out a plain object of exactly the methods below. Arguments travel in a header: small, and in ASCII.
 */
import { proxyDurable } from 'itty-durable'
import { SluiceError } from '../core/errors.ts'
import type { Draft, PublishedVersion, SavedView } from './live-config-data.ts'

export type Kept = { ok: true } | { ok: false; why: 'too_many' | 'older_than_known' }

/** `who` is `token:NAME` or `user:SUBJECT`. */
export interface LiveConfigFacade {
  draft(who: string): Promise<Draft | null>
  saveDraft(who: string, overlay: Record<string, unknown>, baseVersion: number): Promise<Kept>
  discardDraft(who: string): Promise<Kept>
  /** Newest first. */
  published(limit: number): Promise<PublishedVersion[]>
  recordPublished(entry: PublishedVersion): Promise<Kept>
  views(who: string): Promise<SavedView[]>
  saveView(who: string, view: SavedView): Promise<Kept>
  removeView(who: string, name: string): Promise<Kept>
}

type Call = <M extends keyof LiveConfigFacade>(
  method: M,
  ...args: Parameters<LiveConfigFacade[M]>
) => ReturnType<LiveConfigFacade[M]>

const MAX_ARGUMENT_BYTES = 8192

/** Of one release. Throws SluiceError `body_too_large` for arguments above 8 KB; failures of the object reject. */
export function liveConfig(namespace: DurableObjectNamespace, release: string): LiveConfigFacade {
  const call = (async (method: string, ...args: unknown[]): Promise<unknown> => {
    const packed = ascii(JSON.stringify(args))
    if (JSON.stringify([packed]).length > MAX_ARGUMENT_BYTES) {
      throw new SluiceError('body_too_large', `what live-config is given may have ${MAX_ARGUMENT_BYTES} bytes`)
    }
    // The name is made ASCII as well, and can't be taken for an id, which is 64 hex digits.
    const stub = proxyDurable(namespace, { parse: true }).get(`release:${encodeURIComponent(release)}`)
    return stub[method](packed)
  }) as Call
  return {
    draft: (who) => call('draft', who),
    saveDraft: (who, overlay, baseVersion) => call('saveDraft', who, overlay, baseVersion),
    discardDraft: (who) => call('discardDraft', who),
    published: (limit) => call('published', limit),
    recordPublished: (entry) => call('recordPublished', entry),
    views: (who) => call('views', who),
    saveView: (who, view) => call('saveView', who, view),
    removeView: (who, name) => call('removeView', who, name),
  }
}

function ascii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
