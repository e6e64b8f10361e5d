/** The live configuration of the dashboard's fake: a small file, publications and change requests in memory, answered as the control plane does. */
import { readConfig, type ReleaseConfig } from '../../src/config/load.ts'
import { type Overlay, patchOverlay, sources } from '../../src/config/overlay.ts'
import { patchTo } from '../../src/config/overlay-diff.ts'
import { publishable } from '../../src/config/publishable.ts'
import type { ConfigView, Role } from '../../src/api/index.ts'
import type { ChangeDetail, ChangeView } from '../../src/api/changes.ts'
import { approversOf, changeDetail, changeView, versionView } from '../../src/control/change-view.ts'
import type { DashboardPort, PortRefusal, PortResult } from '../../src/dashboard/port.ts'
import type { Publication, PublicationOrigin } from '../../src/durable/controller-rpc.ts'
import {
  type Change,
  type ChangeRequest,
  emptyLiveConfig,
  withEdit,
  withEnding,
  withProposal,
  withReview,
} from '../../src/durable/live-config-data.ts'

const PROTOCOLS = ['openai-videos']
type ConfigPort = Pick<
  DashboardPort,
  | 'config'
  | 'checkConfig'
  | 'patchConfig'
  | 'changes'
  | 'change'
  | 'propose'
  | 'editChange'
  | 'actOnChange'
  | 'versions'
  | 'restore'
>

export class ConfigFake {
  readonly #name: string
  readonly #file: ReleaseConfig
  readonly #now: () => string
  readonly #changed: () => void
  readonly #published: Publication[] = []
  #data = emptyLiveConfig()

  constructor(name: string, table: Record<string, unknown>, nowMs: () => number, changed: () => void) {
    const read = readConfig({ RELEASE_TWIN: { ...table, name: 'twin' } }, PROTOCOLS)
    if (!read.ok) throw new Error(JSON.stringify(read.issues))
    this.#name = name
    this.#file = read.config.releases[0]!
    this.#now = () => new Date(nowMs()).toISOString()
    this.#changed = changed
  }

  get overlay(): Overlay {
    return this.#published[0]?.overlay ?? {}
  }

  get #version(): number {
    return this.#published.length
  }

  #view(overlay: Overlay = this.overlay): ConfigView {
    const published = this.#published.map(({ version, at, who, reason }) => ({ version, at, who, reason }))
    return {
      release: this.#name,
      version: this.#version,
      values: sources(this.#file, overlay),
      overlay,
      published,
    }
  }

  #overlayOf(version: number): Overlay {
    return this.#published.find((each) => each.version === version)?.overlay ?? {}
  }

  #publish(overlay: Overlay, who: string, reason: string, origin: PublicationOrigin): PortResult<ConfigView> {
    const wrong = this.#wrong(overlay)
    if (wrong) return wrong
    const isAlone = this.#file.requireReview && (!origin.change || origin.change.author === who)
    if (isAlone && !origin.break_glass) return refused('review_required')
    const entry = { version: this.#version + 1, at: this.#now(), who, reason, overlay, before: this.overlay }
    this.#published.unshift({ ...entry, ...origin, break_glass: isAlone })
    this.#changed()
    return { ok: true, value: this.#view() }
  }

  #wrong(overlay: Overlay): PortRefusal | null {
    const checked = publishable(this.#file, overlay, PROTOCOLS)
    return checked.ok ? null : { ok: false, code: checked.code, message: checked.message, details: checked.details }
  }

  #detail(request: ChangeRequest): ChangeDetail {
    const [current, base] = [this.#view(), this.#overlayOf(request.baseVersion)]
    const version = request.ending?.version ?? null
    const from = version !== null ? this.#overlayOf(version - 1) : request.ending ? base : this.overlay
    const to = version !== null ? this.#overlayOf(version) : patchOverlay(from, request.patch)
    return changeDetail(this.#file, request, { current, base, from, to }, PROTOCOLS)
  }

  #kept(change: Change): PortResult<ChangeDetail> {
    if (!change.ok) return refused(change.why === 'closed' ? 'change_closed' : 'version_mismatch')
    this.#data = change.data
    return { ok: true, value: this.#detail(change.request) }
  }

  #act(...[, id, given, by]: [...Parameters<ConfigPort['actOnChange']>, { who: string }]): PortResult<ChangeDetail> {
    const request = this.#data.changes.find((each) => each.id === id)
    if (!request) return refused('change_not_found')
    const { act, revision, comment } = given
    const at = this.#now()
    const end = (status: 'published' | 'discarded', version: number | null) =>
      this.#kept(withEnding(this.#data, id, revision, { status, who: by.who, at, comment, version }))
    if (act === 'rebase') return this.#kept(withEdit(this.#data, id, revision, { baseVersion: this.#version }, at))
    if (act === 'discard') return end('discarded', null)
    if (act !== 'publish')
      return this.#kept(withReview(this.#data, id, { who: by.who, at, verdict: act, comment, revision }))
    if (request.revision !== revision) return refused('version_mismatch')
    if (request.baseVersion !== this.#version) return refused('change_stale')
    const change = { id, title: request.title, author: request.author, approved_by: approversOf(request) }
    const overlay = patchOverlay(this.overlay, request.patch)
    const done = this.#publish(overlay, by.who, request.reason, { change })
    return done.ok ? end('published', this.#version) : done
  }

  port({ who, role }: { who: string; role: Role }): ConfigPort {
    const stale = (ifMatch: number | null) => ifMatch !== null && ifMatch !== this.#version
    const patched = (patch: Record<string, unknown>) => patchOverlay(this.overlay, patch)
    const needs = async <T>(least: Role[], make: () => PortResult<T>): Promise<PortResult<T>> =>
      least.includes(role) ? make() : refused('forbidden')
    const found = (id: number) => this.#data.changes.find((each) => each.id === id)
    return {
      config: async () => ({ ok: true, value: this.#view() }),
      checkConfig: (_name, patch, ifMatch) =>
        needs(['operator', 'admin'], () => {
          if (stale(ifMatch)) return refused('version_mismatch')
          return this.#wrong(patched(patch)) ?? { ok: true, value: this.#view(patched(patch)) }
        }),
      patchConfig: (_name, patch, reason, ifMatch, breakGlass) =>
        needs(['admin'], () =>
          stale(ifMatch)
            ? refused('version_mismatch')
            : this.#publish(patched(patch), who, reason, { break_glass: breakGlass }),
        ),
      changes: async () => ({
        ok: true,
        value: this.#data.changes.map((request): ChangeView => changeView(request, this.#version)),
      }),
      change: async (_name, id) => {
        const request = found(id)
        return request ? { ok: true, value: this.#detail(request) } : refused('change_not_found')
      },
      propose: (_name, { title, reason, patch, restore }) =>
        needs(['operator', 'admin'], () => {
          const wanted = restore === undefined ? patched(patch ?? {}) : this.#overlayOf(restore)
          const proposal = { title, reason, patch: patchTo(this.overlay, wanted), baseVersion: this.#version }
          return this.#wrong(wanted) ?? this.#kept(withProposal(this.#data, proposal, who, this.#now()))
        }),
      editChange: (_name, id, { revision, patch, ...edit }) =>
        needs(['operator', 'admin'], () => {
          if (found(id)?.author !== who) return refused('not_author')
          const content = { ...edit, patch: patchTo(this.overlay, patched(patch)), baseVersion: this.#version }
          return this.#wrong(patched(patch)) ?? this.#kept(withEdit(this.#data, id, revision, content, this.#now()))
        }),
      actOnChange: (name, id, given) =>
        needs(given.act === 'publish' ? ['admin'] : ['operator', 'admin'], () => this.#act(name, id, given, { who })),
      versions: async () => ({
        ok: true,
        value: { items: this.#published.map((each) => versionView(this.#file, each)), next: null },
      }),
      restore: (_name, version, reason) =>
        needs(['admin'], () => this.#publish(this.#overlayOf(version), who, reason, { restored: version })),
    }
  }
}

function refused(code: string): PortRefusal {
  return { ok: false, code, message: code, details: [] }
}

/** One request published, one of somebody else's open with a review, and one that the publication made stale. */
export async function someChanges(fake: {
  port(): ConfigPort
  name: string
  nowMs: number
  who: string
}): Promise<void> {
  const { who, name } = fake
  const as = (person: string) => {
    fake.who = `token:${person}`
    fake.nowMs += 600_000
    return fake.port()
  }
  const guardrails = [{ metric: 'error_rate', operations: ['submit', 'job'], max: 0.02, for_windows: 5 }]
  await as('anna').propose(name, {
    title: 'Few jobs at night',
    reason: 'the ladder waits for jobs',
    patch: { min_jobs: 20 },
  })
  await as('anna').propose(name, { title: 'A wider error limit', reason: 'noisy week', patch: { guardrails } })
  await as('ben').actOnChange(name, 1, { act: 'approve', revision: 1, comment: 'as discussed' })
  await as('ben').actOnChange(name, 1, { act: 'publish', revision: 1, comment: '' })
  await as('anna').propose(name, {
    title: 'Half the copies',
    reason: 'spare the GPUs',
    patch: { shadow: { sample: 0.5 } },
  })
  await as('ben').actOnChange(name, 3, { act: 'approve', revision: 1, comment: 'please do' })
  fake.who = who
}
