/** The pages of change requests and versions: looking, proposing to restore or restoring, and what is done to one request. */
import type { Context } from 'hono'
import { readJson, requiresReview } from '../config-draft.ts'
import { changePage } from '../pages/change.tsx'
import { changesPage } from '../pages/changes.tsx'
import { pathOf } from '../pages/layout.tsx'
import { refusal, statusOf } from '../pages/problem.tsx'
import type { ChangeActName, PortRefusal } from '../port.ts'
import { refusalWords, wrongs } from '../refusal-words.ts'
import { answer, breaksGlass, fieldsOf, problem, type Visit } from '../visit.ts'

const ACTS: readonly ChangeActName[] = ['approve', 'comment', 'rebase', 'publish', 'discard']

export async function showChanges(c: Context, visit: Visit, name: string): Promise<Response> {
  if (c.req.method === 'POST') return restore(c, visit, name)
  return list(c, visit, name, null)
}

async function list(c: Context, visit: Visit, name: string, refused: PortRefusal | null): Promise<Response> {
  const { port, t } = visit
  const [changes, versions, config] = await Promise.all([
    port.changes(name),
    port.versions(name, wholeOf(c.req.query('before') ?? null)),
    port.config(name),
  ])
  if (!changes.ok) return problem(c, visit, changes)
  if (!versions.ok) return problem(c, visit, versions)
  if (!config.ok) return problem(c, visit, config)
  const page = changesPage(visit.frame(t.changes.title, 'changes', name), {
    changes: changes.value,
    versions: versions.value,
    version: config.value.version,
    requireReview: requiresReview(config.value),
    notice: refused && refusalWords(refused, t),
    nowMs: port.nowMs,
  })
  return answer(c, page, refused ? statusOf(refused.code) : 200)
}

async function restore(c: Context, visit: Visit, name: string): Promise<Response> {
  const { port, t } = visit
  const fields = await fieldsOf(c)
  const [version, seen] = [wholeOf(fields.get('restore')), wholeOf(fields.get('version'))]
  if (version === null || seen === null) return list(c, visit, name, refusal('invalid_request', t))
  const reason = (fields.get('reason') ?? '').trim()
  if (fields.get('how') === 'publish') {
    const done = await port.restore(name, version, reason, seen, breaksGlass(fields))
    return done.ok ? c.redirect(`${pathOf(name)}/changes`, 303) : list(c, visit, name, done)
  }
  const made = await port.propose(name, { title: t.changes.restore(version), reason, restore: version })
  return made.ok ? c.redirect(`${pathOf(name)}/changes/${made.value.id}`, 303) : list(c, visit, name, made)
}

export async function showChange(c: Context, visit: Visit, name: string, asked: string): Promise<Response> {
  const id = wholeOf(asked)
  if (id === null) return problem(c, visit, refusal('not_found', visit.t))
  const refused = c.req.method === 'POST' ? await acted(c, visit, name, id) : null
  if (c.req.method === 'POST' && !refused) return c.redirect(`${pathOf(name)}/changes/${id}`, 303)
  const { port, t } = visit
  const [change, config] = await Promise.all([port.change(name, id), port.config(name)])
  if (!change.ok) return problem(c, visit, change)
  if (!config.ok) return problem(c, visit, config)
  const page = changePage(visit.frame(change.value.title, 'changes', name), {
    change: change.value,
    requireReview: requiresReview(config.value),
    notice: refused && (refused.code === 'version_mismatch' ? t.changes.edited : refusalWords(refused, t)),
    wrongs: refused ? wrongs(refused, t) : [],
    nowMs: port.nowMs,
  })
  return answer(c, page, refused ? statusOf(refused.code) : 200)
}

/** Null where it was done. */
async function acted(c: Context, { port, t }: Visit, name: string, id: number): Promise<PortRefusal | null> {
  const fields = await fieldsOf(c)
  const revision = Number(fields.get('revision'))
  const text = (key: string) => (fields.get(key) ?? '').trim()
  if (fields.get('act') === 'edit') {
    const patch = readJson(text('patch'))
    if (!patch) return { ok: false, code: 'invalid_request', message: t.config.notJson, details: [] }
    const done = await port.editChange(name, id, { revision, title: text('title'), reason: text('reason'), patch })
    return done.ok ? null : done
  }
  const act = ACTS.find((known) => known === fields.get('act'))
  if (!act) return refusal('not_found', t)
  const done = await port.actOnChange(name, id, {
    act,
    revision,
    comment: text('comment'),
    breakGlass: breaksGlass(fields),
  })
  return done.ok ? null : done
}

/** Null for what is no number: a form of which half is missing asks for nothing. */
function wholeOf(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null
}
