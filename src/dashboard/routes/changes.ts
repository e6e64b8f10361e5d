/** The pages of change requests and versions: looking, proposing to restore or restoring, and what is done to one request. */
import type { Context } from 'hono'
import type { ChangeDetail } from '../../api/changes.ts'
import { asValue, SluiceError } from '../../api/index.ts'
import { readJson, requiresReview } from '../config-draft.ts'
import { changePage } from '../pages/change.tsx'
import { changesPage } from '../pages/changes.tsx'
import { pathOf } from '../pages/layout.tsx'
import type { ChangeActName } from '../port.ts'
import { refusalWords, wrongs } from '../refusal-words.ts'
import { answer, breaksGlass, fieldsOf, type Visit } from '../visit.ts'

const ACTS: readonly ChangeActName[] = ['approve', 'comment', 'rebase', 'publish', 'discard']

export async function showChanges(c: Context, visit: Visit, name: string): Promise<Response> {
  if (c.req.method === 'POST') return restore(c, visit, name)
  return list(c, visit, name, null)
}

async function list(c: Context, visit: Visit, name: string, refused: SluiceError | null): Promise<Response> {
  const { port, t } = visit
  const [changes, versions, config] = await Promise.all([
    port.changes(name),
    port.versions(name, wholeOf(c.req.query('before') ?? null)),
    port.config(name),
  ])
  const page = changesPage(visit.frame(t.changes.title, 'changes', name), {
    changes,
    versions,
    version: config.version,
    requireReview: requiresReview(config),
    notice: refused && refusalWords(refused, t),
    nowMs: port.nowMs,
  })
  return answer(c, page, refused?.status)
}

async function restore(c: Context, visit: Visit, name: string): Promise<Response> {
  const { port, t } = visit
  const fields = await fieldsOf(c)
  const [version, seen] = [wholeOf(fields.get('restore')), wholeOf(fields.get('version'))]
  if (version === null || seen === null) return list(c, visit, name, new SluiceError('invalid_request', ''))
  const reason = (fields.get('reason') ?? '').trim()
  if (fields.get('how') === 'publish') {
    const change = { reason, ifMatch: seen, breakGlass: breaksGlass(fields) }
    const done = await asValue(() => port.restore(name, version, change))
    return 'error' in done ? list(c, visit, name, done.error) : c.redirect(`${pathOf(name)}/changes`, 303)
  }
  const made = await asValue(() => port.propose(name, { title: t.changes.restore(version), reason, restore: version }))
  return 'error' in made
    ? list(c, visit, name, made.error)
    : c.redirect(`${pathOf(name)}/changes/${made.value.id}`, 303)
}

export async function showChange(c: Context, visit: Visit, name: string, asked: string): Promise<Response> {
  const id = wholeOf(asked)
  if (id === null) throw new SluiceError('not_found', visit.t.problem.notFound)
  const acting = c.req.method === 'POST' ? await asValue(() => act(c, visit, name, id)) : null
  if (acting && 'value' in acting) return c.redirect(`${pathOf(name)}/changes/${id}`, 303)
  const refused = acting?.error
  const { port, t } = visit
  const [change, config] = await Promise.all([port.change(name, id), port.config(name)])
  const page = changePage(visit.frame(change.title, 'changes', name), {
    change,
    requireReview: requiresReview(config),
    notice: refused ? (refused.code === 'version_mismatch' ? t.changes.edited : refusalWords(refused, t)) : null,
    wrongs: refused ? wrongs(refused, t) : [],
    nowMs: port.nowMs,
  })
  return answer(c, page, refused?.status)
}

async function act(c: Context, { port, t }: Visit, name: string, id: number): Promise<ChangeDetail> {
  const fields = await fieldsOf(c)
  const revision = Number(fields.get('revision'))
  const text = (key: string) => (fields.get(key) ?? '').trim()
  if (fields.get('act') === 'edit') {
    const patch = readJson(text('patch'))
    if (!patch) throw new SluiceError('invalid_request', t.config.notJson)
    return port.editChange(name, id, { revision, title: text('title'), reason: text('reason'), patch })
  }
  const asked = ACTS.find((known) => known === fields.get('act'))
  if (!asked) throw new SluiceError('not_found', t.problem.notFound)
  const breakGlass = breaksGlass(fields)
  return port.actOnChange(name, id, { act: asked, revision, comment: text('comment'), breakGlass })
}

/** Null for what is no number: a form of which half is missing asks for nothing. */
function wholeOf(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null
}
