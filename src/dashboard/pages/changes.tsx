/** Change requests of the live configuration as a list, and the versions that were published, each to go back to. */
import type { FC } from 'hono/jsx'
import type { ChangedKey, ChangeView, VersionView } from '../../api/changes.ts'
import { atLeast } from '../../api/index.ts'
import { whoName } from '../format.ts'
import type { Page } from '../port.ts'
import type { Text } from '../text/index.ts'
import { Value } from './config.tsx'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Ago, BreaksGlass, By, Card, KeyTable, More, Notice, Quote, Submit, TextLine } from './parts.tsx'

export interface ChangesContent {
  changes: ChangeView[]
  versions: Page<VersionView>
  /** Of the overlay that acts now. */
  version: number
  requireReview: boolean
  notice: string | null
  nowMs: number
}

export function changesPage(frame: Frame, content: ChangesContent): Rendered {
  const { t } = frame
  const { changes, versions, notice, nowMs } = content
  const open = changes.filter(({ status }) => status === 'open')
  const ended = changes.filter(({ status }) => status !== 'open')
  return page(
    frame,
    <main id="content">
      <p class="crumb">{frame.release}</p>
      <h1>
        {t.changes.title} <small>{t.changes.note}</small>
      </h1>
      <Notice words={notice} look="card errors " />
      {content.requireReview ? <p class="note">{t.changes.reviewRequired}</p> : null}
      <Card name="open" title={t.changes.open(open.length)} id="open-changes">
        {open.length === 0 ? <p class="empty">{t.changes.openHint}</p> : null}
        <Requests changes={open} frame={frame} nowMs={nowMs} />
        {ended.length === 0 ? null : (
          <details id="ended-changes">
            <summary>{t.changes.ended}</summary>
            <Requests changes={ended} frame={frame} nowMs={nowMs} />
          </details>
        )}
      </Card>
      <Card name="versions" title={t.changes.versions} id="versions">
        {versions.items.length === 0 ? <p class="empty">{t.changes.versionsNone}</p> : null}
        <ol class="history">
          {versions.items.map((version) => (
            <Version version={version} frame={frame} content={content} />
          ))}
        </ol>
        <More
          href={versions.next && `${pathOf(frame.release!)}/changes?before=${versions.next}`}
          words={t.history.older}
        />
      </Card>
    </main>,
  )
}

const Requests: FC<{ changes: ChangeView[]; frame: Frame; nowMs: number }> = ({ changes, frame, nowMs }) => {
  const { t } = frame
  return (
    <ol class="history">
      {changes.map((change) => (
        <li>
          <Ago at={change.updated_at} nowMs={nowMs} t={t} />
          <div>
            <a href={`${pathOf(frame.release!)}/changes/${change.id}`}>
              {t.changes.number(change.id)} {change.title}
            </a>{' '}
            <By who={change.author} t={t} /> <StatusBadge change={change} t={t} />
            <Quote words={change.reason} />
          </div>
        </li>
      ))}
    </ol>
  )
}

/** How a request stands, in a word or two. */
export const StatusBadge: FC<{ change: ChangeView; t: Text }> = ({ change, t }) => {
  const { status, stale, approved_by: approvers } = change
  if (status !== 'open')
    return <span class={`badge ${status === 'published' ? 'good' : 'quiet'}`}>{t.changes.status[status]}</span>
  const names = approvers.map((who) => whoName(who, t)).join(t.sentence.comma)
  return (
    <>
      <span class={`badge ${stale ? 'wait' : 'quiet'}`}>{stale ? t.changes.stale : t.changes.status.open}</span>{' '}
      {names === '' ? null : <span class="badge good">{t.changes.approved(names)}</span>}
    </>
  )
}

const Version: FC<{ version: VersionView; frame: Frame; content: ChangesContent }> = ({ version, frame, content }) => {
  const { t, caller } = frame
  const words = t.changes
  const { change, restored } = version
  const isCurrent = version.version === content.version
  return (
    <li id={`version-${version.version}`}>
      <Ago at={version.at} nowMs={content.nowMs} t={t} />
      <div>
        <b>{t.config.version(version.version)}</b> <By who={version.who} t={t} />{' '}
        {isCurrent ? <span class="badge good">{words.now}</span> : null}{' '}
        {version.break_glass ? <span class="badge bad">{words.skipped}</span> : null}
        {restored === null ? null : <small>{words.restored(restored)}</small>}{' '}
        {change === null ? null : (
          <small>
            {words.fromChange}{' '}
            <a href={`${pathOf(frame.release!)}/changes/${change.id}`}>
              {words.number(change.id)} {change.title}
            </a>{' '}
            {t.history.by} {whoName(change.author, t)}
          </small>
        )}
        <Quote words={version.reason} />
        <details id={`diff-${version.version}`}>
          <summary>{words.look}</summary>
          {version.diff.length === 0 ? (
            <p class="note">{words.sameAsBefore}</p>
          ) : (
            <DiffTable diff={version.diff} from={words.before} to={words.after} t={t} />
          )}
          {isCurrent || !atLeast(caller!.role, 'operator') ? null : (
            <Restore version={version.version} frame={frame} content={content} />
          )}
        </details>
      </div>
    </li>
  )
}

/** Published at once by whoever may, else asked for as any other change is. */
const Restore: FC<{ version: number; frame: Frame; content: ChangesContent }> = ({ version, frame, content }) => {
  const { t, release, caller } = frame
  const mayPublish = atLeast(caller!.role, 'admin')
  return (
    <form method="post" action={`${pathOf(release!)}/changes`}>
      <input type="hidden" name="restore" value={String(version)} />
      <input type="hidden" name="version" value={String(content.version)} />
      <TextLine name="reason" label={t.confirm.reason} required />
      {mayPublish && content.requireReview ? <BreaksGlass t={t} /> : null}
      <p class="buttons">
        <Submit name="how" value="propose">
          {t.changes.proposeRestore(version)}
        </Submit>
        {mayPublish ? (
          <Submit look={content.requireReview ? 'danger' : ''} name="how" value="publish">
            {t.changes.restore(version)}
          </Submit>
        ) : null}
      </p>
    </form>
  )
}

export const DiffTable: FC<{ diff: ChangedKey[]; from: string; to: string; t: Text }> = ({ diff, from, to, t }) => (
  <div class="scroll" tabindex={0} role="group" aria-label={to}>
    <KeyTable
      heads={[from, to]}
      rows={diff.map((changed) => ({
        key: changed.key,
        cells: [changed.from, changed.to].map(({ value, source }) => (
          <>
            <Value value={value} /> <small>{t.config.source[source]}</small>
          </>
        )),
      }))}
      t={t}
    />
  </div>
)
