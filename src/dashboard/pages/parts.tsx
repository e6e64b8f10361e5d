/** What several pages are made of: cards, lists of figures and of faults, heads of tables, times and names. */
import type { Child, FC, PropsWithChildren } from 'hono/jsx'
import { ago, exact, type Part, whoName } from '../format.ts'
import type { Text } from '../text/index.ts'

/** A card below its title, which has the id `NAME-title`. One that `scrolls` is as wide as its table likes. */
export const Card: FC<
  PropsWithChildren<{ name: string; title: Child; note?: string; id?: string; look?: string; scrolls?: boolean }>
> = ({ name, title, note, id, look, scrolls, children }) => (
  <section
    class={['card', look, scrolls ? 'scroll' : ''].filter(Boolean).join(' ')}
    tabindex={scrolls ? 0 : undefined}
    aria-labelledby={`${name}-title`}
    id={id}
  >
    <h2 id={`${name}-title`}>
      {title} {note === undefined ? null : <small>{note}</small>}
    </h2>
    {children}
  </section>
)

/** Names with their figures. */
export const Figures: FC<{ items: { name: string; words: Child }[] }> = ({ items }) => (
  <dl class="figures-list">
    {items.map(({ name, words }) => (
      <div>
        <dt>{name}</dt>
        <dd>{words}</dd>
      </div>
    ))}
  </dl>
)

/** What was wrong with which key. */
export const Wrongs: FC<{ wrongs: { path: string; words: string }[]; look?: string }> = ({ wrongs, look }) => (
  <ul class={look}>
    {wrongs.map(({ path, words }) => (
      <li>
        <code>{path}</code> {words}
      </li>
    ))}
  </ul>
)

/** Why something was refused, or does not act, with the keys that it is about. */
export const Problem: FC<{
  title: string
  wrongs: { path: string; words: string }[]
  alert?: boolean
  id?: string
}> = ({ title, wrongs, alert, id }) => (
  <div class="card errors" role={alert ? 'alert' : undefined} id={id}>
    <p>{title}</p>
    <Wrongs wrongs={wrongs} />
  </div>
)

/** What a form says of itself; nothing where it has nothing to say. */
export const Notice: FC<{ words: string | null; look?: string }> = ({ words, look = '' }) =>
  words === null ? null : (
    <p class={`${look}field-error`} role="alert">
      {words}
    </p>
  )

/** The way to what a list leaves out; nothing where `href` is null. */
export const More: FC<{ href: string | null; words: string }> = ({ href, words }) =>
  href === null ? null : (
    <p class="more">
      <a href={href}>{words}</a>
    </p>
  )

/** Sends its form. */
export const Submit: FC<
  PropsWithChildren<{ look?: string; name?: string; value?: string; id?: string; disabled?: boolean }>
> = ({ look = '', children, ...more }) => (
  <button class={`button ${look}`.trim()} type="submit" {...more}>
    {children}
  </button>
)

/** To be ticked in a form; `preview`: what it changes is shown at once. */
export const Tick: FC<PropsWithChildren<{ name: string; checked?: boolean; preview?: boolean }>> = (props) => (
  <label class="check">
    <input type="checkbox" name={props.name} value="1" checked={props.checked} data-preview={props.preview} />
    {props.children}
  </label>
)

/** What somebody gave as a reason or said, if anything. */
export const Quote: FC<{ words: string }> = ({ words }) => (words === '' ? null : <q>{words}</q>)

/** A line of text in a form. */
export const TextLine: FC<{
  name: string
  label: string
  longest?: number
  value?: string
  required?: boolean
  autofocus?: boolean
  hintId?: string
}> = ({ name, label, longest = 500, hintId, ...more }) => (
  <label class="reason">
    {label}
    <input name={name} maxlength={longest} autocomplete="off" aria-describedby={hintId} {...more} />
  </label>
)

/** To be ticked by an admin who publishes alone where the release asks for two people. */
export const BreaksGlass: FC<{ t: Text }> = ({ t }) => <Tick name="break_glass">{t.changes.breakGlass}</Tick>

/** Keys of the configuration, each with what stands below the heads; a head without words is an empty cell. */
export const KeyTable: FC<{ heads: string[]; rows: { key: string; cells: Child[] }[]; t: Text }> = (props) => (
  <table class="values">
    <thead>
      <tr>
        {[props.t.config.key, ...props.heads].map((words) => (
          <Head words={words} />
        ))}
      </tr>
    </thead>
    <tbody>
      {props.rows.map(({ key, cells }) => (
        <tr>
          <th scope="row">
            <code>{key}</code>
          </th>
          {cells.map((cell) => (
            <td>{cell}</td>
          ))}
        </tr>
      ))}
    </tbody>
  </table>
)

/** The head of a column; without words an empty cell. `unseen` words are for who does not see the column. */
export const Head: FC<{ words: string; look?: string; unseen?: boolean }> = ({ words, look, unseen }) =>
  words === '' ? (
    <td></td>
  ) : (
    <th scope="col" class={look}>
      {unseen ? <span class="unseen">{words}</span> : words}
    </th>
  )

/** The heads of a table's two columns of figures, control before candidate. */
export const ArmColumns: FC<{ t: Text }> = ({ t }) => (
  <>
    <Head words={t.arm.control} look="number" />
    <Head words={t.arm.candidate} look="number" />
  </>
)

/** Inline text with its strong words. */
export const Words: FC<{ parts: Part[] }> = ({ parts }) => (
  <>{parts.map((part) => (typeof part === 'string' ? part : <b>{part.strong}</b>))}</>
)

/** How long ago something was; when exactly, under the pointer. */
export const Ago: FC<{ at: string; nowMs: number; t: Text }> = ({ at, nowMs, t }) => (
  <time datetime={at} title={exact(at)}>
    {ago(at, nowMs, t)}
  </time>
)

/** Who did it, by name; in full under the pointer. */
export const By: FC<{ who: string; t: Text }> = ({ who, t }) => (
  <span class="by" title={who}>{`${t.history.by} ${whoName(who, t)}`}</span>
)
