/**
 * Before a change: what it would do, its values, a reason. A page of its own without script; with script its
 * `#confirm` is shown in a dialog.
 */
import type { Child, FC } from 'hono/jsx'
import type { ActionCommand, ReleaseView } from '../../api/index.ts'
import { fingerprint, startStages } from '../commands.ts'
import { firmBlocker } from '../../describe/next-step.ts'
import { shareOf } from '../effects.ts'
import { modelNames, type Part, stageName } from '../format.ts'
import { type Refusal, refusalWords, wrongs } from '../refusal-words.ts'
import type { Text } from '../text/index.ts'
import { SplitBar } from './ladder.tsx'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Notice, Submit, TextLine, Tick, Words } from './parts.tsx'

export interface Confirmation {
  release: string
  /** The last part of the path: an action, `auto_on` or `auto_off`. */
  action: string
  title: string
  effects: Part[][]
  /** The state it was drawn from, and the one it would become; without them the change has no split to draw. */
  before?: ReleaseView
  after?: ReleaseView | null
  command?: ActionCommand
  /** Sent back with the form as `If-Match`. */
  version: number
  /** Why it can't be done as asked. */
  refusal: Refusal | null
  /** What to say about the form itself. */
  notice: string | null
  /** What the step waits for, told where it is refused for that. */
  open?: Part[][]
  reason: string
}

export function confirmPage(frame: Frame, confirmation: Confirmation): Rendered {
  return page(
    frame,
    <main id="content" class="confirm-page">
      <Confirm {...confirmation} t={frame.t} />
    </main>,
  )
}

const Confirm: FC<Confirmation & { t: Text }> = (props) => {
  const { release, action, title, command, version, refusal, notice, t } = props
  const words = t.confirm
  const changed = props.effects.length > 0
  const path = `${pathOf(release)}/confirm/${action}`
  return (
    <section id="confirm" class="card" aria-labelledby="confirm-title">
      <p class="crumb">{release}</p>
      <h1 id="confirm-title">{title}</h1>
      <Notice words={notice} />
      <form method="post" action={path} data-confirm-form>
        <input type="hidden" name="version" value={String(version)} />
        {command ? <input type="hidden" name="shown" value={fingerprint(command)} /> : null}
        {command && props.before ? <Values command={command} view={props.before} t={t} /> : null}
        <div class="effect" id="effect">
          <h2>{refusal?.code === 'blocked' ? words.waits : words.effect}</h2>
          {refusal ? (
            <Refused refusal={refusal} open={props.open ?? []} t={t} />
          ) : changed ? (
            <EffectList {...props} />
          ) : (
            <p>{words.noEffect}</p>
          )}
        </div>
        {mayForce(props) ? (
          <Tick name="force" checked={command!.force} preview>
            {words.force}
          </Tick>
        ) : null}
        <TextLine name="reason" label={words.reason} value={props.reason} required hintId="reason-hint" />
        <small id="reason-hint">{words.reasonHint}</small>
        <p class="buttons">
          <a class="button" href={pathOf(release)} data-close>
            {words.cancel}
          </a>
          {asksValues(command) || mayForce(props) ? (
            <button class="button" type="submit" formmethod="get" formnovalidate data-show>
              {words.show}
            </button>
          ) : null}
          <Submit look={action === 'rollback' ? 'filled danger' : 'filled'} disabled={refusal !== null}>
            {title}
          </Submit>
        </p>
      </form>
    </section>
  )
}

const Sentences: FC<{ list: Part[][] }> = ({ list }) => (
  <ul>
    {list.map((parts) => (
      <li>
        <Words parts={parts} />
      </li>
    ))}
  </ul>
)

const EffectList: FC<Confirmation & { t: Text }> = ({ effects, before, after, t }) => (
  <>
    <Sentences list={effects} />
    {before && after && shareOf(before) !== shareOf(after) ? (
      <div class="before-after">
        <SplitBar candidatePercent={shareOf(before)} names={modelNames(before, t)} t={t} />
        <SplitBar candidatePercent={shareOf(after)} names={modelNames(after, t)} t={t} />
      </div>
    ) : null}
  </>
)

const Refused: FC<{ refusal: Refusal; open: Part[][]; t: Text }> = ({ refusal, open, t }) =>
  refusal.code === 'blocked' && open.length > 0 ? (
    <Sentences list={open} />
  ) : (
    <div class="refused">
      <p>{refusalWords(refusal, t)}</p>
      <ul>
        {wrongs(refusal, t).map((wrong) => (
          <li>{wrong.words}</li>
        ))}
      </ul>
    </div>
  )

const Values: FC<{ command: ActionCommand; view: ReleaseView; t: Text }> = ({ command, view, t }) => {
  const words = t.confirm
  const number = (name: string, label: string, value: number): Child => (
    <label>
      {label}
      <input
        name={name}
        type="number"
        min="0"
        max="100"
        step="any"
        value={Number.isFinite(value) ? String(Number(value.toFixed(4))) : ''}
        required
        data-preview
      />
    </label>
  )
  if (command.action === 'set_percent') return number('percent', words.percent, command.percent ?? 0)
  if (command.action === 'set_shadow') {
    return (
      <>
        {number('sample', words.sample, (command.sample ?? 0) * 100)}
        {view.state === 'canary' ? (
          <>
            <input type="hidden" name="canary_asked" value="1" />
            <Tick name="during_canary" checked={command.during_canary ?? view.shadow.active} preview>
              {t.config.field['shadow.during_canary']}
            </Tick>
          </>
        ) : null}
      </>
    )
  }
  if (command.action !== 'start') return null
  return (
    <label>
      {words.stage}
      <select name="stage" data-preview>
        {startStages(view).map((stage) => (
          <option value={stage} selected={stage === command.stage}>
            {stageName(stage, t)}
          </option>
        ))}
      </select>
    </label>
  )
}

function asksValues(command: ActionCommand | undefined): boolean {
  return command !== undefined && ['set_percent', 'set_shadow', 'start'].includes(command.action)
}

/** Offered where something is in the way that it passes, and kept once it was chosen. */
function mayForce({ command, before, refusal }: Confirmation): boolean {
  if (command?.action !== 'advance' && command?.action !== 'promote') return false
  if (before && firmBlocker(before)) return false
  return command.force || refusal?.code === 'blocked'
}
