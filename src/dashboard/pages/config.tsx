/** The effective configuration beside the file's, and the forms that change it live. */
import type { Child, FC } from 'hono/jsx'
import type { ConfigView } from '../../api/index.ts'
import { type KeyChange, changesOf, type Draft, type Patch, same } from '../config-draft.ts'
import { mayAct, mayConfigure } from '../roles.ts'
import type { Text } from '../text/en.ts'
import { EditForms } from './config-forms.tsx'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'

export interface ConfigContent {
  config: ConfigView
  draft: Draft
  /** By path of the field; what belongs to no field stands above. */
  errors: Map<string, string>
  notice: string | null
  /** Text of the JSON field as it was posted. */
  raw: string
}

export function configPage(frame: Frame, content: ConfigContent): Rendered {
  const { t, caller } = frame
  const { config, notice, errors } = content
  const entries = Object.entries(config.values)
  const differing = entries.filter(([, { source, value, file }]) => source === 'live' && !same(value, file))
  const editor = mayAct(caller!.role)
  return page(
    frame,
    <main id="content">
      <p class="crumb">{frame.release}</p>
      <h1>
        {t.config.title} <small>{t.config.note}</small>
      </h1>
      {config.set_aside === undefined ? null : (
        <div class="card errors" role="alert" id="set-aside">
          <p>{t.config.setAside}</p>
          <ul>
            {config.set_aside.map((detail) => (
              <li>
                <code>{detail.path}</code> {t.refusal.key(detail)}
              </li>
            ))}
          </ul>
        </div>
      )}
      {notice === null ? null : (
        <div class="card errors" role="alert">
          <p>{notice}</p>
          <ul>
            {[...errors].map(([path, message]) => (
              <li>
                <code>{path}</code> {message}
              </li>
            ))}
          </ul>
        </div>
      )}
      <section class="card scroll" aria-labelledby="drift-title" tabindex={0}>
        <h2 id="drift-title">{differing.length > 0 ? t.config.differs(differing.length) : t.config.agrees}</h2>
        {differing.length > 0 ? <ValueTable entries={differing} frame={frame} config={config} editor={editor} /> : null}
        <details id="all-keys">
          <summary>{t.config.all}</summary>
          <ValueTable entries={entries} frame={frame} config={config} editor={editor} />
        </details>
      </section>
      {editor ? <EditForms {...content} t={t} /> : <p class="note">{t.config.readOnly}</p>}
      <p>
        <a href={`${pathOf(config.release)}/changes`}>{t.config.toChanges}</a>
      </p>
    </main>,
  )
}

const ValueTable: FC<{
  entries: [string, ConfigView['values'][string]][]
  frame: Frame
  config: ConfigView
  editor: boolean
}> = (props) => {
  const { t, release } = props.frame
  return (
    <table class="values">
      <thead>
        <tr>
          <th scope="col">{t.config.key}</th>
          <th scope="col">{t.config.acts}</th>
          <th scope="col">{t.config.file}</th>
          {props.editor ? <td></td> : null}
        </tr>
      </thead>
      <tbody>
        {props.entries.map(([key, { value, source, file }]) => (
          <tr>
            <th scope="row">
              <code>{key}</code>
            </th>
            <td>
              <Value value={value} />
            </td>
            <td>
              {source === 'live' ? (
                <Value value={file} />
              ) : (
                <small>{source === 'file' ? t.config.same : t.config.source.default}</small>
              )}
            </td>
            {props.editor ? (
              <td>
                {source === 'live' ? (
                  <BackButton name={key.split('.')[0]!} release={release!} version={props.config.version} t={t} />
                ) : null}
              </td>
            ) : null}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const BackButton: FC<{ name: string; release: string; version: number; t: Text }> = ({ name, release, version, t }) => (
  <form method="post" action={`${pathOf(release)}/config`}>
    <input type="hidden" name="section" value="back" />
    <input type="hidden" name="key" value={name} />
    <input type="hidden" name="version" value={String(version)} />
    <button class="link" type="submit" aria-label={`${name}: ${t.config.back}`}>
      {t.config.back}
    </button>
  </form>
)

/** Short values in a line, tables and lists of tables over several. */
export function Value({ value }: { value: unknown }): Child {
  if (value === undefined || value === null) return <small>–</small>
  const line = JSON.stringify(value)
  return line.length <= 60 ? <code>{line}</code> : <pre tabindex={0}>{JSON.stringify(value, null, 1)}</pre>
}

/** What a patch would change, before it does: to be proposed with a title, or published at once by whoever may. */
export function reviewPage(
  frame: Frame,
  release: string,
  content: { config: ConfigView; patch: Patch; version: number; title: string; notice: string | null },
): Rendered {
  const { t, caller } = frame
  const changes = changesOf(content.config, content.patch)
  const isAdmin = mayConfigure(caller!.role)
  const needsReview = content.config.values['require_review']?.value === true
  return page(
    frame,
    <main id="content" class="confirm-page">
      <section class="card" id="confirm">
        <p class="crumb">{release}</p>
        <h1>{t.config.reviewTitle}</h1>
        {content.notice === null ? null : (
          <p class="field-error" role="alert">
            {content.notice}
          </p>
        )}
        <ChangeTable changes={changes} t={t} />
        <form method="post" action={`${pathOf(release)}/config`}>
          <input type="hidden" name="section" value="publish" />
          <input type="hidden" name="patch" value={JSON.stringify(content.patch)} />
          <input type="hidden" name="version" value={String(content.version)} />
          <label class="reason">
            {t.changes.name}
            <input name="title" maxlength={100} value={content.title} autocomplete="off" />
          </label>
          <label class="reason">
            {t.confirm.reason}
            <input name="reason" maxlength={500} required autocomplete="off" autofocus />
          </label>
          <small>{t.confirm.reasonHint}</small>
          {isAdmin && needsReview ? (
            <label class="check">
              <input type="checkbox" name="break_glass" value="1" />
              {t.changes.breakGlass}
            </label>
          ) : null}
          <p class="buttons">
            <a class="button" href={`${pathOf(release)}/config`}>
              {t.confirm.cancel}
            </a>
            <button
              class={`button ${isAdmin && !needsReview ? '' : 'filled'}`}
              type="submit"
              name="how"
              value="propose"
            >
              {t.changes.propose}
            </button>
            {isAdmin ? (
              <button class={`button ${needsReview ? 'danger' : 'filled'}`} type="submit" name="how" value="publish">
                {t.config.publish}
              </button>
            ) : null}
          </p>
        </form>
      </section>
    </main>,
  )
}

const ChangeTable: FC<{ changes: KeyChange[]; t: Text }> = ({ changes, t }) => (
  <table class="values">
    <thead>
      <tr>
        <th scope="col">{t.config.key}</th>
        <th scope="col">{t.config.from}</th>
        <th scope="col">{t.config.to}</th>
      </tr>
    </thead>
    <tbody>
      {changes.map(({ key, from, to }) => (
        <tr>
          <th scope="row">
            <code>{key}</code>
          </th>
          <td>
            <Value value={from} />
          </td>
          <td>{to === undefined ? <small>{t.config.source.default}</small> : <Value value={to} />}</td>
        </tr>
      ))}
    </tbody>
  </table>
)
