/** The ladder as a picture: rungs passed or skipped, the present one with its bake, those ahead; below it the split. */
import type { FC } from 'hono/jsx'
import type { ReleaseView } from '../../api/index.ts'
import { shareOf } from '../effects.ts'
import { modelNames, percent, share, span, stageName } from '../format.ts'
import type { Text } from '../text/index.ts'
import { stagesOf } from '../../describe/names.ts'
import { bakeProgress } from '../../describe/next-step.ts'

interface Rung {
  stage: string
  note: string
  place: 'passed' | 'skipped' | 'present' | 'ahead' | 'failed'
  /** Share of the way to the next rung, in per cent. */
  way: number
}

interface LadderProps {
  view: ReleaseView
  failedAt: string | null
  nowMs: number
  t: Text
}

export const Ladder: FC<LadderProps> = (props) => {
  const { view, t } = props
  const rungs = rungsOf(props)
  return (
    <section class="card" aria-label={t.ladder.title} id="ladder">
      <ol class="ladder">
        {rungs.map((rung, i) => (
          <li class={rung.place} aria-current={rung.place === 'present' ? 'step' : undefined}>
            <span class="dot" aria-hidden="true"></span>
            {i < rungs.length - 1 ? (
              <svg class="rail" aria-hidden="true">
                <rect class="base" width="100%" height="2" />
                <rect class="way" width={`${rung.way}%`} height="2" />
              </svg>
            ) : null}
            <b>{stageName(rung.stage, t)}</b>
            <small aria-hidden={rung.place === 'skipped' ? 'true' : undefined}>{rung.note}</small>
            <span class="unseen">{placeWords(rung, t)}</span>
          </li>
        ))}
      </ol>
      <Split view={view} t={t} />
    </section>
  )
}

function rungsOf({ view, failedAt, nowMs, t }: LadderProps): Rung[] {
  const stages = stagesOf(view)
  const at = view.state === 'rolled_back' ? (failedAt ?? '') : view.stage
  const present = stages.findIndex(({ stage }) => stage === at)
  const progress = Math.round(100 * (bakeProgress(view, nowMs) ?? 0))
  return stages.map(({ stage, isSkipped }, i) => {
    const rung = view.ladder.find((r) => r.stage === stage)
    const note = rung
      ? [
          span(rung.bake_seconds, t),
          rung.gate === 'experiment' ? t.ladder.gate : '',
          rung.approval === 'manual' ? t.ladder.approval : '',
        ]
      : []
    const failed = i === present && view.state === 'rolled_back'
    const passed = isSkipped ? 'skipped' : 'passed'
    const place = failed ? 'failed' : i < present ? passed : i === present ? 'present' : 'ahead'
    const way = place === 'passed' ? 100 : place === 'present' ? progress : 0
    return { stage, note: place === 'skipped' ? t.ladder.skipped : note.filter(Boolean).join(' · '), place, way }
  })
}

function placeWords(rung: Rung, t: Text): string {
  return rung.place !== 'present'
    ? t.ladder[rung.place]
    : `${t.ladder.present}, ${t.ladder.progress(t.unit.percent(String(rung.way)))}`
}

/** Set and actual share of new submits; the bar is drawn by the actual one where it is known. */
const Split: FC<{ view: ReleaseView; t: Text }> = ({ view, t }) => {
  const actual = view.actual_percent
  const candidate = shareOf(view)
  const drawn = actual ?? candidate
  const control = 100 - drawn
  const actualWords = actual === null ? null : percent(actual, t)
  const names = modelNames(view, t)
  return (
    <div class="split">
      <SplitBar candidatePercent={drawn} names={names} t={t} />
      <p class="under">
        <span>{t.ladder.setActual(percent(candidate, t), actualWords)}</span>
        <span>
          {control >= 99.95 && view.state !== 'canary' ? t.ladder.nobodyNew : `${names.candidate} · ${t.arm.candidate}`}
        </span>
      </p>
    </div>
  )
}

/** The bar alone, for the page and for what a change would make of it. */
export const SplitBar: FC<{
  candidatePercent: number
  names: { control: string; candidate: string }
  t: Text
}> = ({ candidatePercent: given, names, t }) => {
  const candidatePercent = Math.min(100, Math.max(0, given))
  const control = 100 - candidatePercent
  const words =
    control >= 40
      ? { x: '12', anchor: 'start', text: `${names.control} · ${t.arm.control} · ${share(control / 100, t)}` }
      : {
          x: '100%',
          anchor: 'end',
          text: `${names.candidate} · ${t.arm.candidate} · ${share(candidatePercent / 100, t)}`,
        }
  const label = `${t.ladder.split}: ${t.arm.control} ${share(control / 100, t)}, ${t.arm.candidate} ${share(candidatePercent / 100, t)}`
  return (
    <svg class="splitbar" role="img" aria-label={label}>
      <rect class="control" width={`${control}%`} height="100%" />
      <rect class="candidate" x={`${control}%`} width={`${candidatePercent}%`} height="100%" />
      <text
        class={words.anchor}
        x={words.x}
        y="50%"
        dx={words.anchor === 'end' ? '-12' : '0'}
        dominant-baseline="central"
        text-anchor={words.anchor}
      >
        {words.text}
      </text>
    </svg>
  )
}
