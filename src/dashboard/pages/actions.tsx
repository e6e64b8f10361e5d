/** What one can do: at most three buttons at the top, roll back always the last of them, and the toggles. */
import type { Child, FC } from 'hono/jsx'
import { atLeast, type ReleaseView, type Role } from '../../api/index.ts'
import { percent, plain, share, stageName } from '../format.ts'
import { healthOf } from '../../describe/health.ts'
import { firmBlocker } from '../../describe/next-step.ts'
import type { Text } from '../text/index.ts'
import { blockerWords } from '../waits.ts'
import { pathOf } from './layout.tsx'
import { Card } from './parts.tsx'

interface Props {
  view: ReleaseView
  role: Role
  nowMs: number
  t: Text
}

export const Buttons: FC<Props> = ({ view, role, nowMs, t }) => {
  if (!atLeast(role, 'operator')) return <p class="actions note">{t.config.readOnly}</p>
  const a = t.action
  const legal = new Set(view.legal_actions)
  const confirm = (action: string, words: string, style: string): Child => (
    <a class={`button ${style}`} id={`do-${action}`} href={`${pathOf(view.name)}/confirm/${action}`} data-confirm>
      {words + a.more}
    </a>
  )
  const off = (words: string, why: string, style = ''): Child => (
    <span class={`button ${style}`} aria-disabled="true" role="link" title={why}>
      {words}
    </span>
  )
  const firm = firmBlocker(view)
  /** Of a start, advance or promotion. */
  const step = (action: string, words: string, style: string): Child =>
    firm ? off(words, a.waitsFor(plain(blockerWords(firm, view, nowMs, t)))) : confirm(action, words, style)
  const alarming = healthOf(view, nowMs) === 'breach'
  const first = alarming ? '' : 'filled'
  return (
    <div class="actions">
      {view.state === 'rolled_back' ? (
        <a class="button filled" id="read-evidence" href="#evidence">
          {a.readEvidence}
        </a>
      ) : null}
      {legal.has('start') ? step('start', a.start, 'filled') : null}
      {onlyApprovalMissing(view) ? confirm('approve', a.approve, first) : stepButton()}
      {legal.has('reset') ? confirm('reset', a.reset, '') : null}
      {legal.has('pause') ? confirm('pause', a.pause, '') : null}
      {legal.has('resume') ? confirm('resume', a.resume, first) : null}
      {legal.has('rollback')
        ? confirm('rollback', a.rollback, alarming ? 'danger filled' : 'danger')
        : off(a.rollback, a.nothingToRollBack, 'danger')}
    </div>
  )

  function stepButton(): Child {
    if (legal.has('promote')) return step('promote', a.promote, first)
    if (!legal.has('advance')) return null
    return step('advance', view.next ? a.advanceTo(stageName(view.next.stage, t)) : a.advance, first)
  }
}

function onlyApprovalMissing(view: ReleaseView): boolean {
  return view.blocked_by.length === 1 && view.blocked_by[0]!.code === 'approval'
}

export const Toggles: FC<Props> = ({ view, role, t }) => {
  const words = t.toggles
  const config = `${pathOf(view.name)}/config`
  const legal = new Set(view.legal_actions)
  const acts = atLeast(role, 'operator')
  const go = (id: string, target: string, text: string, what: string): Child =>
    acts ? (
      <a id={id} href={`${pathOf(view.name)}/confirm/${target}`} data-confirm aria-label={`${what}: ${text}`}>
        {text}
      </a>
    ) : null
  const toggle = (id: string, what: string, on: boolean, target: string | null): Child => {
    const look = `switch ${on ? 'on' : ''}`
    const stands = on ? words.on : words.off
    if (target === null) return <span class={look}>{stands}</span>
    return (
      <a class={look} id={id} href={`${pathOf(view.name)}/confirm/${target}`} data-confirm>
        <span class="unseen">{on ? words.switchOff(what) : words.switchOn(what)} </span>
        {stands}
      </a>
    )
  }
  const row = (what: string, ...controls: Child[]): Child => (
    <li>
      <span>{what}</span>
      {controls}
    </li>
  )
  const look = (href: string, what: string, text: string): Child => (
    <a href={href} aria-label={`${what}: ${text}`}>
      {text}
    </a>
  )
  const copies = copiesOf(view, t)
  const running = view.state === 'shadow' || view.state === 'canary'
  const isAuto = view.advance === 'auto'
  const drift = words.drift(view.drift.length)
  const { thresholds } = t.config
  return (
    <Card name="toggles" title={words.title} note={words.note} id="toggles" look="toggles">
      <ul>
        {row(
          copies.words,
          go('set-shadow-rate', `set_shadow?sample=${view.shadow.sample * 100}`, words.rate, copies.words),
          toggle('toggle-shadow', t.shadow.title, copies.on, acts && legal.has('set_shadow') ? copies.toggled : null),
        )}
        {legal.has('set_percent')
          ? row(
              words.percent(percent(view.percent, t)),
              go('set-percent', `set_percent?percent=${view.percent}`, words.change, words.percent('')),
            )
          : null}
        {running
          ? row(
              words.paused,
              toggle('toggle-pause', words.paused, view.paused, acts ? (view.paused ? 'resume' : 'pause') : null),
            )
          : null}
        {row(
          words.automatic,
          toggle(
            'toggle-auto',
            words.automatic,
            isAuto,
            atLeast(role, 'admin') ? (isAuto ? 'auto_off' : 'auto_on') : null,
          ),
        )}
        {row(thresholds, look(`${config}#thresholds`, thresholds, atLeast(role, 'admin') ? words.edit : words.show))}
        {row(drift, look(config, drift, words.show))}
      </ul>
    </Card>
  )
}

/** The share that is set, with when it acts; whether the switch is on, and what it asks for where it can do something. */
function copiesOf(view: ReleaseView, t: Text): { words: string; on: boolean; toggled: string | null } {
  const { state, paused, shadow } = view
  const words = t.toggles
  const [on, off] = ['set_shadow?sample=100', 'set_shadow?sample=0']
  if (shadow.sample === 0) return { words: words.shadowOff, on: false, toggled: on }
  const set = share(shadow.sample, t)
  if (shadow.active) return { words: words.shadow(set), on: true, toggled: off }
  if (paused) return { words: words.shadowPaused(set), on: true, toggled: off }
  if (state !== 'canary')
    return { words: words.shadowLater(set), on: state === 'idle', toggled: state === 'idle' ? off : null }
  const alsoNow = `set_shadow?sample=${shadow.sample * 100}&canary_asked=1&during_canary=1`
  return { words: words.shadowNotCanary(set), on: false, toggled: alsoNow }
}
