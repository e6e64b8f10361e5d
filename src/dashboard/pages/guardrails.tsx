/** Each guardrail with its figures, limit, streak and verdict; and what the next step waits for. */
import type { FC } from 'hono/jsx'
import type { HistoryEntry, ReleaseView, VerdictView } from '../../api/index.ts'
import { clock } from '../format.ts'
import {
  figure,
  guardrailName,
  limitWords,
  restsOn,
  statusWord,
  streakWords,
  toneOf,
  verdictSentence,
} from '../guardrail-words.ts'
import type { Text } from '../text/index.ts'
import { waits, waitsTitle } from '../waits.ts'
import { Card, Head, Words } from './parts.tsx'

/** Longer streaks than this are told in figures only. */
const METER_MAX = 10

export const Guardrails: FC<{ view: ReleaseView; rollback: HistoryEntry | null; t: Text }> = ({
  view,
  rollback,
  t,
}) => {
  const g = t.guardrails
  return (
    <Card
      name="guardrails"
      title={g.title}
      note={view.stage === 'shadow' ? g.noteShadow : g.note}
      id="guardrails"
      look="guardrails"
    >
      {view.verdicts.length === 0 ? (
        <p class="empty">{g.none}</p>
      ) : (
        <>
          <table>
            <thead>
              <tr>
                <Head words="" />
                <Head words={t.arm.candidate} look="number" />
                <Head words={t.arm.control} look="number" />
                <Head words={g.tripsAt} look="limit" />
                <Head words={g.streak} look="meter" unseen />
                <Head words={g.verdict} unseen />
              </tr>
            </thead>
            <tbody>
              {view.verdicts.map((verdict) => (
                <Row verdict={verdict} t={t} />
              ))}
            </tbody>
          </table>
          <Evidence verdicts={view.verdicts} rollback={rollback} t={t} />
        </>
      )}
    </Card>
  )
}

const Row: FC<{ verdict: VerdictView; t: Text }> = ({ verdict, t }) => {
  const limit = limitWords(verdict, t)
  return (
    <tr title={verdictSentence(verdict, t)}>
      <th scope="row">
        {guardrailName(verdict, t)}
        <small class="narrow">{[limit, streakWords(verdict, t)].filter(Boolean).join(' · ')}</small>
      </th>
      <td class="number candidate">
        {figure(verdict.value, verdict, t)}
        <small>{restsOn(verdict.n, t)}</small>
      </td>
      <td class="number control">
        {figure(verdict.baseline_value, verdict, t)}
        <small>{restsOn(verdict.baseline_n, t)}</small>
      </td>
      <td class="limit">{limit}</td>
      <td class="meter">
        <Meter verdict={verdict} t={t} />
      </td>
      <td class="verdict">
        <span class={`pill ${toneOf(verdict)}`}>{statusWord(verdict, t)}</span>
      </td>
    </tr>
  )
}

const Meter: FC<{ verdict: VerdictView; t: Text }> = ({ verdict, t }) => {
  const { bad, needed } = verdict.windows
  if (needed <= 1) return null
  const words = t.guardrails.inARow(bad, needed)
  if (needed > METER_MAX) return <span title={words}>{`${bad}/${needed}`}</span>
  return (
    <span class="streak" role="img" aria-label={words} title={words}>
      {Array.from({ length: needed }, (_, i) => (
        <i class={i < bad ? 'on' : ''}></i>
      ))}
    </span>
  )
}

/** What is needed to recompute each verdict. Open after a rollback: that is what one comes for. */
const Evidence: FC<{ verdicts: VerdictView[]; rollback: HistoryEntry | null; t: Text }> = ({
  verdicts,
  rollback,
  t,
}) => (
  <details id="judged" open={rollback !== null} data-opens={rollback?.id ?? ''}>
    <summary>{t.guardrails.evidence}</summary>
    <dl id="evidence">
      {verdicts.map((v) => (
        <>
          <dt>
            {guardrailName(v, t)} <code>{v.guardrail}</code>
          </dt>
          <dd>
            {verdictSentence(v, t)} <code>{v.formula}</code>
            {v.windows.from !== null && v.windows.to !== null ? (
              <small title={`${v.windows.from} – ${v.windows.to}`}>
                {' '}
                {t.guardrails.windows(clock(v.windows.from), clock(v.windows.to))}
              </small>
            ) : null}
            <small>{` · ${t.guardrails.does[v.action]}`}</small>
          </dd>
        </>
      ))}
    </dl>
  </details>
)

export const Waits: FC<{ view: ReleaseView; nowMs: number; t: Text }> = ({ view, nowMs, t }) => {
  const items = waits(view, nowMs, t)
  return (
    <Card name="waits" title={waitsTitle(view, t)} id="waits" look="waits">
      <ul>
        {items.length === 0 ? <li class="met">{t.wait.nothing}</li> : null}
        {items.map((item) => (
          <li class={item.done ? 'met' : 'open'}>
            <Words parts={item.words} />
          </li>
        ))}
      </ul>
    </Card>
  )
}
