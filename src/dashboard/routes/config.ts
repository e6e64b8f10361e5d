/** The configuration page: reading, looking over a change, proposing or publishing it; refusals are shown at their fields. */
import type { Context } from 'hono'
import type { ConfigView, ReleaseView } from '../../api/index.ts'
import { draftOf, type Patch, patchOf, readJson, SECTIONS } from '../config-draft.ts'
import { type ConfigContent, configPage, reviewPage } from '../pages/config.tsx'
import { pathOf } from '../pages/layout.tsx'
import { refusal, statusOf } from '../pages/problem.tsx'
import type { PortRefusal } from '../port.ts'
import { refusalWords, wrongs } from '../refusal-words.ts'
import { mayAct } from '../roles.ts'
import { answer, breaksGlass, fieldsOf, problem, versionOf, type Visit } from '../visit.ts'

const MAX_TITLE_CHARS = 100

export async function configure(c: Context, visit: Visit, name: string): Promise<Response> {
  const { port, t } = visit
  const [config, release] = await Promise.all([port.config(name), port.release(name)])
  if (!config.ok) return problem(c, visit, config)
  if (!release.ok) return problem(c, visit, release)
  if (c.req.method !== 'POST') return answer(c, pageOf(visit, config.value, release.value, {}))
  if (!mayAct(port.actor.role)) return problem(c, visit, refusal('forbidden', t))
  const fields = await fieldsOf(c)
  if (fields.get('section') === 'publish') return publish(c, visit, config.value, release.value, fields)
  const section = SECTIONS.find((known) => known === fields.get('section')) ?? 'raw'
  const parsed = patchOf(section, fields, draftOf(config.value, release.value, {}), t)
  if (!parsed.ok) {
    const { errors, raw } = parsed
    return answer(c, pageOf(visit, config.value, release.value, { errors, raw, notice: t.config.refused }), 422)
  }
  if (Object.keys(parsed.patch).length === 0)
    return answer(c, pageOf(visit, config.value, release.value, { notice: t.config.nothing }))
  const version = versionOf(fields) ?? config.value.version
  const checked = await port.checkConfig(name, parsed.patch, version)
  if (!checked.ok) return refusedChange(c, visit, config.value, release.value, parsed.patch, checked)
  const title = Object.keys(parsed.patch).join(', ').slice(0, MAX_TITLE_CHARS)
  return answer(c, review(visit, config.value, { patch: parsed.patch, version, title, notice: null }))
}

async function publish(
  c: Context,
  visit: Visit,
  config: ConfigView,
  release: ReleaseView,
  fields: URLSearchParams,
): Promise<Response> {
  const { port, t } = visit
  const raw = fields.get('patch') ?? ''
  const patch = readJson(raw)
  if (!patch) return answer(c, pageOf(visit, config, release, { raw, notice: t.config.notJson }), 422)
  const reason = (fields.get('reason') ?? '').trim()
  const version = versionOf(fields) ?? config.version
  const title = (fields.get('title') ?? '').trim()
  const again = (notice: string) => answer(c, review(visit, config, { patch, version, title, notice }), 422)
  if (reason === '') return again(t.confirm.reasonMissing)
  if (fields.get('how') === 'publish') {
    const done = await port.patchConfig(config.release, patch, reason, version, breaksGlass(fields))
    if (done.ok) return c.redirect(`${pathOf(config.release)}/config`, 303)
    return done.code === 'review_required'
      ? again(refusalWords(done, t))
      : refusedChange(c, visit, config, release, patch, done)
  }
  if (title === '' || title.length > MAX_TITLE_CHARS) return again(t.changes.nameMissing)
  const made = await port.propose(config.release, { title, reason, patch })
  if (made.ok) return c.redirect(`${pathOf(config.release)}/changes/${made.value.id}`, 303)
  return refusedChange(c, visit, config, release, patch, made)
}

/** The forms as they were filled in, each refusal at its field. */
function refusedChange(
  c: Context,
  visit: Visit,
  config: ConfigView,
  release: ReleaseView,
  patch: Patch,
  done: PortRefusal,
): Promise<Response> {
  const { t } = visit
  const notice =
    done.code === 'version_mismatch' ? t.confirm.changedMeanwhile : `${t.config.refused} ${refusalWords(done, t)}`
  const errors = new Map(wrongs(done, t).map(({ path, words }) => [path, words]))
  const shown = { patch, errors, notice, raw: JSON.stringify(patch, null, 2) }
  return answer(c, pageOf(visit, config, release, shown), statusOf(done.code))
}

function review(
  visit: Visit,
  config: ConfigView,
  content: { patch: Patch; version: number; title: string; notice: string | null },
): ReturnType<typeof reviewPage> {
  const frame = visit.frame(visit.t.config.reviewTitle, 'config', config.release)
  return reviewPage(frame, config.release, { config, ...content })
}

function pageOf(
  visit: Visit,
  config: ConfigView,
  release: ReleaseView,
  shown: Partial<Pick<ConfigContent, 'errors' | 'notice' | 'raw'>> & { patch?: Patch },
): ReturnType<typeof configPage> {
  const draft = draftOf(config, release, shown.patch ?? {})
  return configPage(visit.frame(visit.t.config.title, 'config', config.release), {
    config,
    draft,
    errors: shown.errors ?? new Map(),
    notice: shown.notice ?? null,
    raw: shown.raw ?? '',
  })
}
