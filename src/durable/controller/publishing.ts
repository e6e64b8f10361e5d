/** The live overlay's way into effect: one compare-and-set here, and the notice of a file that changed by a deploy. */
import type { ConfigView, HistoryEntry } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { withoutOddities } from '../../config/odd-keys.ts'
import { type Overlay, sources } from '../../config/overlay.ts'
import { publishable, REVIEW_NEEDED } from '../../config/publishable.ts'
import { grown, mostLedgers } from '../../core/ledger-growth.ts'
import { initialState, isSplit, type ReleaseState } from '../../core/release.ts'
import { transition } from '../../core/transitions.ts'
import { PROTOCOL_NAMES } from '../../protocols/index.ts'
import type { Actor, Answer, Publication, PublicationOrigin, Refusal } from '../controller-rpc.ts'
import { reasonRefused, refuse } from './commands.ts'
import { notice, stateChange, together } from './commit.ts'
import { type EffectiveConfig, markOf } from './effective.ts'
import { factsOf } from './facts.ts'
import type { ControllerStore } from './store.ts'

const SHOWN_PUBLICATIONS = 50

/** `baseVersion`: that of the overlay which this one was made from. */
interface Candidate {
  overlay: Overlay
  baseVersion: number
  reason: string
  origin: PublicationOrigin
}

type Store = Pick<ControllerStore, 'known' | 'commit' | 'publications'>

/** An overlay that is set aside is shown as far as it can be, beside what is wrong with it. */
export function configView(store: Store, { file, setAside }: Pick<EffectiveConfig, 'file' | 'setAside'>): ConfigView {
  const { overlay, version } = store.known.published
  const acts = setAside.length === 0
  const published = store.publications({ before: null, limit: SHOWN_PUBLICATIONS })
  return {
    release: file.name,
    version,
    values: sources(file, acts ? overlay : {}),
    overlay: acts ? overlay : (withoutOddities(overlay) as Overlay),
    ...(acts ? {} : { set_aside: [...setAside] }),
    published: published.map(({ version: of, at, who, reason }) => ({ version: of, at, who, reason })),
  }
}

/** Refused where another was published since `baseVersion`, the whole is not valid, or a second person is missing. */
export function publish(
  store: Store,
  file: ReleaseConfig,
  { overlay, baseVersion, reason, origin }: Candidate,
  actor: Actor,
  now: number,
): Answer<ConfigView> {
  const { known } = store
  const { published, state } = known
  if (published.version !== baseVersion || (actor.ifMatch !== null && actor.ifMatch !== published.version)) {
    const message = `the live configuration is at version ${published.version}, not ${actor.ifMatch ?? baseVersion}; look again before you change it`
    return refuse('version_mismatch', message)
  }
  const { change, restored } = origin
  if (change && store.publications({ changes: [change.id] }).length > 0) {
    return refuse('change_closed', `change request ${change.id} is published`)
  }
  const isAlone = file.requireReview && (!change || change.author === actor.who)
  if (isAlone && !origin.break_glass) return reviewNeeded(Boolean(change))
  const tooLong = reasonRefused(reason)
  if (tooLong) return tooLong
  const effective = publishable(file, overlay, PROTOCOL_NAMES)
  if (!effective.ok) return effective
  const mark = markOf(effective.config)
  const judged = mark.judged !== known.configMark?.judged
  const facts = factsOf(known, effective.config, now)
  const next = transition(state, { action: 'reconfigure', judged }, effective.config, facts, reason)
  if (!next.ok) return refuse(next.code, next.message)
  const version = published.version + 1
  const why = reason || `configured by ${actor.who}`
  const evidence = {
    overlay,
    before: published.overlay,
    overlay_version: version,
    ...(change ? { change } : {}),
    ...(restored === undefined ? {} : { restored }),
    ...(isAlone ? { break_glass: true } : {}),
  }
  const audit = { who: actor.who, action: 'configure', reason: why, from: next.from, to: next.to, evidence }
  const changed = stateChange(known, effective.config, next.state, audit, now)
  const skipped = { action: 'configure', reason: why, evidence: { who: actor.who, ...evidence } }
  const webhooks = isAlone ? [notice(effective.config, 'review_skipped', skipped)] : []
  const stored = { published: { overlay, version }, configMark: mark }
  store.commit(together(changed, { stored, webhooks }), now)
  return { ok: true, value: configView(store, { file, setAside: [] }) }
}

/** A deploy may change the file under a running release: what is judged starts anew. Whether isolates must hear it. */
export function noticeFile(store: Store, { config, mark, setAside }: EffectiveConfig, now: number): boolean {
  const { known } = store
  const { configMark } = known
  const first = grown([], 0, config.ledgerShards, now)
  if (configMark?.all === mark.all) {
    if (known.state.ledgers.length > 0) return false
    // An earlier build has left it without any, or its state was lost.
    const state = { ...known.state, ledgers: first, version: known.state.version + 1 }
    store.commit({ stored: { state } }, now)
    return true
  }
  if (!configMark && known.state.version === 0) {
    store.commit({ stored: { configMark: mark, state: { ...initialState(now), ledgers: first } } }, now)
    return false
  }
  const ledgers = ledgersAfter(known.state, config)
  const judged = configMark?.judged !== mark.judged || ledgers.isNow
  const facts = factsOf(known, config, now)
  const next = transition(known.state, { action: 'reconfigure', judged }, config, facts, '')
  if (!next.ok) return false
  const changes = judged ? 'the file changed what is judged or split; a new epoch begins' : 'the file changed'
  const what = changes + ledgers.words
  const reason = setAside.length > 0 ? `${what}; the live configuration no longer fits it and is set aside` : what
  const evidence = setAside.length > 0 ? { evidence: { set_aside: setAside } } : {}
  const { from, to } = next
  const audit = { who: 'system:config', action: 'configure_file', reason, from, to, ...evidence }
  const changed = stateChange(known, config, next.state, audit, now)
  store.commit(together(changed, { stored: { configMark: mark } }), now)
  return true
}

/** What becomes of the ledgers by a file with another number of them: whether it holds at once, and what the history says. */
function ledgersAfter(state: ReleaseState, { ledgerShards }: ReleaseConfig): { isNow: boolean; words: string } {
  const most = mostLedgers(state.ledgers, 0)
  if (most === 0 || ledgerShards === most) return { isNow: false, words: '' }
  if (ledgerShards < most) {
    return { isNow: false, words: `; its ${most} ledgers stay, since ledger_shards = ${ledgerShards} would lose jobs` }
  }
  const from = isSplit(state) ? 'from the next stage or split on' : 'from now on'
  return { isNow: !isSplit(state), words: `; new jobs go to ${ledgerShards} ledgers in place of ${most} ${from}` }
}

/** What an entry of the history says that was published, and what that came of. */
export function publicationOf({ at, who, reason, evidence }: HistoryEntry): Publication {
  const { overlay_version: version, ...rest } = evidence as Omit<Publication, 'version' | 'at' | 'who' | 'reason'> & {
    overlay_version: number
  }
  return { version, at, who, reason, ...rest }
}

function reviewNeeded(isOwn: boolean): Refusal {
  const message = isOwn
    ? 'this release asks for a second person: whoever made a change request does not publish it, but in need with break_glass and a comment'
    : REVIEW_NEEDED
  return refuse('review_required', message)
}
