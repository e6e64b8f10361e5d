/** One change request: its difference to what acts now, what moved since, what others say of it, and what may be done. */
import type { Child, FC } from 'hono/jsx'
import type { ChangeDetail } from '../../api/changes.ts'
import { atLeast } from '../../api/index.ts'
import { ago, whoName } from '../format.ts'
import type { ChangeActName } from '../port.ts'
import type { Text } from '../text/index.ts'
import { DiffTable, StatusBadge } from './changes.tsx'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Ago, BreaksGlass, By, Card, Problem, Quote, Submit, TextLine } from './parts.tsx'

export interface ChangeContent {
  change: ChangeDetail
  requireReview: boolean
  /** Why something was refused, with the keys that it was about. */
  notice: string | null
  wrongs: { path: string; words: string }[]
  nowMs: number
}

export function changePage(frame: Frame, content: ChangeContent): Rendered {
  const { t } = frame
  const { change, nowMs, notice, wrongs } = content
  const words = t.changes
  const isOpen = change.status === 'open'
  const heading = { open: words.wouldChange, published: words.changed, discarded: words.asked }[change.status]
  return page(
    frame,
    <main id="content">
      <p class="crumb">
        {frame.release} <a href={`${pathOf(frame.release!)}/changes`}>{words.title}</a>
      </p>
      <h1>
        {words.number(change.id)} {change.title} <StatusBadge change={change} t={t} />
      </h1>
      {notice === null ? null : <Problem title={notice} wrongs={wrongs} alert />}
      <p class="note">
        <By who={change.author} t={t} />, <Ago at={change.updated_at} nowMs={nowMs} t={t} />{' '}
        <Quote words={change.reason} />
      </p>
      {change.ending === null ? null : <Ended change={change} nowMs={nowMs} t={t} />}
      {change.stale ? (
        <section class="card" id="moved">
          <p>{words.staleHint(change.base_version, change.version)}</p>
          <DiffTable diff={change.moved} from={words.before} to={words.now} t={t} />
          <p class="note">{words.rebaseHint}</p>
        </section>
      ) : null}
      <Card name="diff" title={heading} id="diff">
        {isOpen && change.diff.length === 0 ? (
          <p class="note">{words.nothingLeft}</p>
        ) : (
          <DiffTable
            diff={change.diff}
            from={isOpen ? words.now : words.before}
            to={isOpen ? words.proposed : words.after}
            t={t}
          />
        )}
      </Card>
      {change.issues.length > 0 ? (
        <Problem
          title={words.issues}
          wrongs={change.issues.map((detail) => ({ path: detail.path, words: t.refusal.key(detail) }))}
        />
      ) : null}
      <Card name="reviews" title={words.reviews} id="reviews">
        {change.reviews.length === 0 ? <p class="empty">{words.reviewsNone}</p> : null}
        <ol class="history">
          {change.reviews.map((review) => (
            <li>
              <Ago at={review.at} nowMs={nowMs} t={t} />
              <div>
                <b title={review.who}>{whoName(review.who, t)}</b> {words.verdict[review.verdict]}{' '}
                {review.revision === change.revision ? null : <small>{words.outdated}</small>}
                <Quote words={review.comment} />
              </div>
            </li>
          ))}
        </ol>
        {isOpen && atLeast(frame.caller!.role, 'operator') ? <Acts frame={frame} content={content} /> : null}
      </Card>
      {isOpen && change.author === frame.caller!.who && atLeast(frame.caller!.role, 'operator') ? (
        <Edit change={change} frame={frame} />
      ) : null}
    </main>,
  )
}

const Ended: FC<{ change: ChangeDetail; nowMs: number; t: Text }> = ({ change, nowMs, t }) => {
  const { who, at, comment, version } = change.ending!
  return (
    <p>
      <b>{t.changes.status[change.status]}</b> {version === null ? null : <span>{t.config.version(version)}</span>}{' '}
      <By who={who} t={t} />, {ago(at, nowMs, t)} <Quote words={comment} />
    </p>
  )
}

/** Only what this caller may do here; the port refuses the rest by itself. */
const Acts: FC<{ frame: Frame; content: ChangeContent }> = ({ frame, content }) => {
  const { t, caller, release } = frame
  const { change, requireReview } = content
  const isOwn = change.author === caller!.who
  const isAdmin = atLeast(caller!.role, 'admin')
  const mayPublish = isAdmin && isPublishable(change)
  const isAlone = isOwn && requireReview
  const button = (act: ChangeActName, look = ''): Child => (
    <Submit look={look} name="act" value={act} id={`do-${act}`}>
      {t.changes.act[act]}
    </Submit>
  )
  return (
    <form method="post" action={`${pathOf(release!)}/changes/${change.id}`}>
      <input type="hidden" name="revision" value={String(change.revision)} />
      <TextLine name="comment" label={t.changes.comment} />
      {isAdmin && isAlone ? <p class="note">{t.changes.reviewRequired}</p> : null}
      {mayPublish && isAlone ? <BreaksGlass t={t} /> : null}
      <p class="buttons">
        {button('comment')}
        {isOwn || isAdmin ? button('discard') : null}
        {change.stale && (isOwn || isAdmin) ? button('rebase') : null}
        {isOwn ? null : button('approve')}
        {mayPublish ? button('publish', isAlone ? 'danger' : 'filled') : null}
      </p>
    </form>
  )
}

function isPublishable({ stale, issues, diff }: ChangeDetail): boolean {
  return !stale && issues.length === 0 && diff.length > 0
}

const Edit: FC<{ change: ChangeDetail; frame: Frame }> = ({ change, frame: { t, release } }) => (
  <details class="card" id="edit">
    <summary>{t.changes.edit}</summary>
    <form method="post" action={`${pathOf(release!)}/changes/${change.id}`}>
      <input type="hidden" name="revision" value={String(change.revision)} />
      <TextLine name="title" label={t.changes.name} longest={100} value={change.title} required />
      <TextLine name="reason" label={t.confirm.reason} value={change.reason} />
      <div class="field">
        <label for="edit-patch">{t.changes.patch}</label>
        <textarea id="edit-patch" name="patch" rows={6} spellcheck={false}>
          {JSON.stringify(change.patch, null, 2)}
        </textarea>
      </div>
      <p class="buttons">
        <Submit name="act" value="edit">
          {t.changes.save}
        </Submit>
      </p>
    </form>
  </details>
)
