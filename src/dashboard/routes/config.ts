/** The configuration page: reading, looking over a change, proposing or publishing it; refusals are shown at their fields. */
import type { Context } from 'hono'
import { asValue, atLeast, type ConfigView, SluiceError } from '../../api/index.ts'
import { type Patch, patchOf, readJson, SECTIONS } from '../config-draft.ts'
import { type ConfigContent, configPage, reviewPage } from '../pages/config.tsx'
import { pathOf } from '../pages/layout.tsx'
import { refusalWords, wrongs } from '../refusal-words.ts'
import { answer, breaksGlass, fieldsOf, versionOf, type Visit } from '../visit.ts'

const MAX_TITLE_CHARS = 100

export async function configure(c: Context, visit: Visit, name: string): Promise<Response> {
  const { port, t } = visit
  const config = await port.config(name)
  if (c.req.method !== 'POST') return answer(c, pageOf(visit, config, {}))
  if (!atLeast(port.actor.role, 'operator')) throw new SluiceError('forbidden', t.refusal.code.forbidden)
  const fields = await fieldsOf(c)
  if (fields.get('section') === 'publish') return publish(c, visit, config, fields)
  const section = SECTIONS.find((known) => known === fields.get('section')) ?? 'raw'
  const parsed = patchOf(section, fields, config, t)
  if (!parsed.ok) {
    const { errors, raw } = parsed
    return answer(c, pageOf(visit, config, { errors, raw, notice: t.config.refused }), 422)
  }
  if (Object.keys(parsed.patch).length === 0) return answer(c, pageOf(visit, config, { notice: t.config.nothing }))
  const version = versionOf(fields) ?? config.version
  const checked = await asValue(() => port.checkConfig(name, parsed.patch, version))
  if ('error' in checked) return refusedChange(c, visit, config, parsed.patch, checked.error)
  const title = Object.keys(parsed.patch).join(', ').slice(0, MAX_TITLE_CHARS)
  return answer(c, review(visit, config, { patch: parsed.patch, version, title, notice: null }))
}

async function publish(c: Context, visit: Visit, config: ConfigView, fields: URLSearchParams): Promise<Response> {
  const { port, t } = visit
  const raw = fields.get('patch') ?? ''
  const patch = readJson(raw)
  if (!patch) return answer(c, pageOf(visit, config, { raw, notice: t.config.notJson }), 422)
  const reason = (fields.get('reason') ?? '').trim()
  const version = versionOf(fields) ?? config.version
  const title = (fields.get('title') ?? '').trim()
  const again = (notice: string) => answer(c, review(visit, config, { patch, version, title, notice }), 422)
  if (reason === '') return again(t.confirm.reasonMissing)
  if (fields.get('how') === 'publish') {
    const change = { reason, ifMatch: version, breakGlass: breaksGlass(fields) }
    const done = await asValue(() => port.patchConfig(config.release, patch, change))
    if ('value' in done) return c.redirect(`${pathOf(config.release)}/config`, 303)
    return done.error.code === 'review_required'
      ? again(refusalWords(done.error, t))
      : refusedChange(c, visit, config, patch, done.error)
  }
  if (title === '' || title.length > MAX_TITLE_CHARS) return again(t.changes.nameMissing)
  const made = await asValue(() => port.propose(config.release, { title, reason, patch }))
  if ('value' in made) return c.redirect(`${pathOf(config.release)}/changes/${made.value.id}`, 303)
  return refusedChange(c, visit, config, patch, made.error)
}

/** The forms as they were filled in, each refusal at its field. */
function refusedChange(
  c: Context,
  visit: Visit,
  config: ConfigView,
  patch: Patch,
  done: SluiceError,
): Promise<Response> {
  const { t } = visit
  const notice =
    done.code === 'version_mismatch' ? t.confirm.changedMeanwhile : `${t.config.refused} ${refusalWords(done, t)}`
  const errors = new Map(wrongs(done, t).map(({ path, words }) => [path, words]))
  const shown = { patch, errors, notice, raw: JSON.stringify(patch, null, 2) }
  return answer(c, pageOf(visit, config, shown), done.status)
}

function review(
  visit: Visit,
  config: ConfigView,
  content: { patch: Patch; version: number; title: string; notice: string | null },
): ReturnType<typeof reviewPage> {
  const frame = visit.frame(visit.t.config.reviewTitle, 'config', config.release)
  return reviewPage(frame, config.release, { config, ...content })
}

function pageOf(visit: Visit, config: ConfigView, shown: Partial<ConfigContent>): ReturnType<typeof configPage> {
  const nothing = { patch: {}, errors: new Map(), notice: null, raw: '' }
  return configPage(visit.frame(visit.t.config.title, 'config', config.release), { config, ...nothing, ...shown })
}
