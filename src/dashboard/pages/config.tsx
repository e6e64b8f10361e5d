/** The effective configuration beside the file's, what was published, and the forms that change it live. */
import type { Child, FC } from 'hono/jsx'
import type { ConfigView } from '../../control/api.ts'
import { type Change, changesOf, type Draft, type Patch, same } from '../config-draft.ts'
import { ago, exact, whoName } from '../format.ts'
import { mayConfigure } from '../roles.ts'
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
  nowMs: number
}

export function configPage(frame: Frame, content: ConfigContent): Rendered {
  const { t, caller } = frame
  const { config, nowMs, notice, errors } = content
  const entries = Object.entries(config.values)
  const differing = entries.filter(([, { source, value, file }]) => source === 'live' && !same(value, file))
  const admin = mayConfigure(caller!.role)
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
            {config.set_aside.map(({ path, message }) => (
              <li>
                <code>{path}</code> {message}
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
        {differing.length > 0 ? <ValueTable entries={differing} frame={frame} config={config} admin={admin} /> : null}
        <details id="all-keys">
          <summary>{t.config.all}</summary>
          <ValueTable entries={entries} frame={frame} config={config} admin={admin} />
        </details>
      </section>
      {admin ? <EditForms {...content} t={t} /> : <p class="note">{t.config.readOnly}</p>}
      <section class="card" aria-labelledby="published-title">
        <h2 id="published-title">{t.config.published}</h2>
        {config.published.length === 0 ? <p class="empty">{t.config.publishedNone}</p> : null}
        <ol class="history">
          {config.published.map((entry) => (
            <li>
              <time datetime={entry.at} title={exact(entry.at)}>
                {ago(entry.at, nowMs, t)}
              </time>
              <div>
                <b>{t.config.version(entry.version)}</b>{' '}
                <span class="by" title={entry.who}>{`${t.history.by} ${whoName(entry.who, t)}`}</span>
                {entry.reason === '' ? null : <q>{entry.reason}</q>}
              </div>
            </li>
          ))}
        </ol>
      </section>
    </main>,
  )
}

const ValueTable: FC<{
  entries: [string, ConfigView['values'][string]][]
  frame: Frame
  config: ConfigView
  admin: boolean
}> = (props) => {
  const { t, release } = props.frame
  return (
    <table class="values">
      <thead>
        <tr>
          <th scope="col">{t.config.key}</th>
          <th scope="col">{t.config.acts}</th>
          <th scope="col">{t.config.file}</th>
          {props.admin ? <td></td> : null}
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
            {props.admin ? (
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

/** What a patch would change, before it does, with a reason. */
export function reviewPage(
  frame: Frame,
  release: string,
  content: { config: ConfigView; patch: Patch; version: number; notice: string | null },
): Rendered {
  const { t } = frame
  const changes = changesOf(content.config, content.patch)
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
            {t.confirm.reason}
            <input name="reason" maxlength={500} required autocomplete="off" autofocus />
          </label>
          <small>{t.confirm.reasonHint}</small>
          <p class="buttons">
            <a class="button" href={`${pathOf(release)}/config`}>
              {t.confirm.cancel}
            </a>
            <button class="button filled" type="submit">
              {t.config.publish}
            </button>
          </p>
        </form>
      </section>
    </main>,
  )
}

const ChangeTable: FC<{ changes: Change[]; t: Text }> = ({ changes, t }) => (
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
