/** Confirming a change: GET shows its dry run, POST does it and goes back to the release (post, redirect, get). */
import type { Context } from 'hono'
import {
  type ActionCommand,
  ACTIONS,
  asValue,
  atLeast,
  type ConfigView,
  type ReleaseView,
  SluiceError,
} from '../../api/index.ts'
import { type ActionName, commandOf, fingerprint } from '../commands.ts'
import { requiresReview } from '../config-draft.ts'
import { effects, submitsPerDay } from '../effects.ts'
import { stageName } from '../format.ts'
import { type Confirmation, confirmPage } from '../pages/confirm.tsx'
import { pathOf } from '../pages/layout.tsx'
import { refusalWords } from '../refusal-words.ts'
import { openItems } from '../waits.ts'
import { answer, fieldsOf, versionOf, type Visit } from '../visit.ts'

const RATE_SPAN_MS = 30 * 60_000

export async function confirmAction(c: Context, visit: Visit, name: string, action: string): Promise<Response> {
  const { port, t } = visit
  const known = ACTIONS.find((each) => each === action)
  if (!known && action !== 'auto_on' && action !== 'auto_off') throw new SluiceError('not_found', t.problem.notFound)
  if (!atLeast(port.actor.role, known ? 'operator' : 'admin'))
    throw new SluiceError('forbidden', t.refusal.code.forbidden)
  return known ? act(c, visit, name, known) : automatic(c, visit, name, action as 'auto_on' | 'auto_off')
}

async function act(c: Context, visit: Visit, name: string, action: ActionName): Promise<Response> {
  const { port, t } = visit
  const view = await port.release(name)
  const fields = await fieldsOf(c)
  const command = commandOf(action, fields, view)
  if (c.req.method !== 'POST') return show(c, visit, view, command, null, 200)
  if (command.reason === '') return show(c, visit, view, command, t.confirm.reasonMissing, 422)
  // The value may have been changed after its effect was shown, which nobody would then have seen.
  if (fields.get('shown') !== fingerprint(command)) return show(c, visit, view, command, t.confirm.lookAgain, 422)
  const done = await asValue(() => port.act(name, command, versionOf(fields)))
  if ('value' in done) return c.redirect(pathOf(name), 303)
  const { error } = done
  const notice = error.code === 'version_mismatch' ? t.confirm.changedMeanwhile : refusalWords(error, t)
  return show(c, visit, view, command, notice, error.status)
}

async function show(
  c: Context,
  visit: Visit,
  view: ReleaseView,
  command: ActionCommand,
  notice: string | null,
  status: number,
): Promise<Response> {
  const { port, t } = visit
  const { nowMs } = port
  const [dry, rows] = await Promise.all([
    asValue(() => port.act(view.name, { ...command, dry_run: true }, null)),
    asValue(() => port.counters(view.name, { fromMs: nowMs - RATE_SPAN_MS, toMs: nowMs, stepMs: RATE_SPAN_MS })),
  ])
  const after = 'value' in dry ? dry.value : null
  // Traffic is an estimate beside the effect: without it the effect still stands.
  const perDay = 'value' in rows ? submitsPerDay(rows.value, RATE_SPAN_MS) : null
  const content: Confirmation = {
    release: view.name,
    action: command.action,
    title: titleOf(view, command.action, visit),
    effects: after ? effects(view, after, command, perDay, t) : [],
    before: view,
    after,
    command,
    version: view.version,
    refusal: 'error' in dry ? dry.error : null,
    open: openItems(view, nowMs, t),
    notice,
    reason: command.reason || (command.action === 'rollback' ? t.confirm.reasonDefault.rollback : ''),
  }
  return answer(c, confirmPage(visit.frame(content.title, null, view.name), content), status)
}

function titleOf(view: ReleaseView, action: ActionName, { t }: Visit): string {
  if (action === 'advance' && view.next) return t.action.advanceTo(stageName(view.next.stage, t))
  return t.action[action]
}

/** Whether steps are taken by themselves is a key of the live configuration. */
async function automatic(c: Context, visit: Visit, name: string, action: 'auto_on' | 'auto_off'): Promise<Response> {
  const { port, t } = visit
  const config = await port.config(name)
  const fields = await fieldsOf(c)
  const reason = (fields.get('reason') ?? '').trim()
  const isAlone = !requiresReview(config)
  const ask = (notice: string | null, failure: SluiceError | null): Response | Promise<Response> => {
    const content: Confirmation = {
      release: name,
      action,
      title: t.action[action],
      effects: [
        action === 'auto_on' ? t.confirm.autoOn : t.confirm.autoOff,
        ...(isAlone ? [] : [[t.confirm.byRequest]]),
      ],
      version: config.version,
      refusal: failure,
      notice,
      reason,
    }
    const status = failure?.status ?? (notice === null ? 200 : 422)
    return answer(c, confirmPage(visit.frame(content.title, null, name), content), status)
  }
  if (c.req.method !== 'POST') return ask(null, null)
  if (reason === '') return ask(t.confirm.reasonMissing, null)
  const patch = { advance: liveAdvance(config, action === 'auto_on' ? 'auto' : 'manual') }
  const done = await asValue<object>(() =>
    isAlone
      ? port.patchConfig(name, patch, { reason, ifMatch: versionOf(fields), breakGlass: false })
      : port.propose(name, { title: t.action[action], reason, patch }),
  )
  if ('value' in done) return c.redirect(pathOf(name) + ('id' in done.value ? `/changes/${done.value.id}` : ''), 303)
  return ask(done.error.code === 'version_mismatch' ? t.confirm.changedMeanwhile : null, done.error)
}

/** What to publish so that `wanted` acts: nothing of one's own where the file, or the default, says it already. */
function liveAdvance({ values }: ConfigView, wanted: 'auto' | 'manual'): 'auto' | 'manual' | null {
  const present = values['advance']
  const underneath = present?.source === 'live' ? present.file : present?.value
  return wanted === (underneath ?? 'manual') ? null : wanted
}
