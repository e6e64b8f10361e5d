/** The effective configuration beside the file's, and the forms that change it live. */
import type { Child, FC } from 'hono/jsx'
import { atLeast, type ConfigView } from '../../api/index.ts'
import { changesOf, type Patch, requiresReview, same } from '../config-draft.ts'
import type { Text } from '../text/index.ts'
import { EditForms } from './config-forms.tsx'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { BreaksGlass, Card, KeyTable, Notice, Problem, Submit, TextLine } from './parts.tsx'

export interface ConfigContent {
  config: ConfigView
  /** What was asked for and refused: the forms show it. */
  patch: Patch
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
  const editor = atLeast(caller!.role, 'operator')
  return page(
    frame,
    <main id="content">
      <p class="crumb">{frame.release}</p>
      <h1>
        {t.config.title} <small>{t.config.note}</small>
      </h1>
      {config.set_aside === undefined ? null : (
        <Problem
          title={t.config.setAside}
          wrongs={config.set_aside.map((detail) => ({ path: detail.path, words: t.refusal.key(detail) }))}
          alert
          id="set-aside"
        />
      )}
      {notice === null ? null : (
        <Problem title={notice} wrongs={[...errors].map(([path, words]) => ({ path, words }))} alert />
      )}
      <Card name="drift" title={differing.length > 0 ? t.config.differs(differing.length) : t.config.agrees} scrolls>
        {differing.length > 0 ? <ValueTable entries={differing} config={config} editor={editor} t={t} /> : null}
        <details id="all-keys">
          <summary>{t.config.all}</summary>
          <ValueTable entries={entries} config={config} editor={editor} t={t} />
        </details>
      </Card>
      {editor ? <EditForms {...content} t={t} /> : <p class="note">{t.config.readOnly}</p>}
      <p>
        <a href={`${pathOf(config.release)}/changes`}>{t.config.toChanges}</a>
      </p>
    </main>,
  )
}

const ValueTable: FC<{
  entries: [string, ConfigView['values'][string]][]
  config: ConfigView
  editor: boolean
  t: Text
}> = ({ entries, config, editor, t }) => (
  <KeyTable
    heads={[t.config.acts, t.config.file, ...(editor ? [''] : [])]}
    rows={entries.map(([key, { value, source, file }]) => {
      const live = source === 'live'
      const unchanged = <small>{source === 'file' ? t.config.same : t.config.source.default}</small>
      const back = live ? <BackButton name={key.split('.')[0]!} config={config} t={t} /> : null
      return {
        key,
        cells: [<Value value={value} />, live ? <Value value={file} /> : unchanged, ...(editor ? [back] : [])],
      }
    })}
    t={t}
  />
)

const BackButton: FC<{ name: string; config: ConfigView; t: Text }> = ({ name, config, t }) => (
  <form method="post" action={`${pathOf(config.release)}/config`}>
    <input type="hidden" name="section" value="back" />
    <input type="hidden" name="key" value={name} />
    <input type="hidden" name="version" value={String(config.version)} />
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
  const isAdmin = atLeast(caller!.role, 'admin')
  const needsReview = requiresReview(content.config)
  return page(
    frame,
    <main id="content" class="confirm-page">
      <section class="card" id="confirm">
        <p class="crumb">{release}</p>
        <h1>{t.config.reviewTitle}</h1>
        <Notice words={content.notice} />
        <KeyTable
          heads={[t.config.from, t.config.to]}
          rows={changesOf(content.config, content.patch).map(({ key, from, to }) => ({
            key,
            cells: [
              <Value value={from} />,
              to === undefined ? <small>{t.config.source.default}</small> : <Value value={to} />,
            ],
          }))}
          t={t}
        />
        <form method="post" action={`${pathOf(release)}/config`}>
          <input type="hidden" name="section" value="publish" />
          <input type="hidden" name="patch" value={JSON.stringify(content.patch)} />
          <input type="hidden" name="version" value={String(content.version)} />
          <TextLine name="title" label={t.changes.name} longest={100} value={content.title} />
          <TextLine name="reason" label={t.confirm.reason} required autofocus />
          <small>{t.confirm.reasonHint}</small>
          {isAdmin && needsReview ? <BreaksGlass t={t} /> : null}
          <p class="buttons">
            <a class="button" href={`${pathOf(release)}/config`}>
              {t.confirm.cancel}
            </a>
            <Submit look={isAdmin && !needsReview ? '' : 'filled'} name="how" value="propose">
              {t.changes.propose}
            </Submit>
            {isAdmin ? (
              <Submit look={needsReview ? 'danger' : 'filled'} name="how" value="publish">
                {t.changes.act.publish}
              </Submit>
            ) : null}
          </p>
        </form>
      </section>
    </main>,
  )
}
