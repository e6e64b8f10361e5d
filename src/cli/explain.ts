/** `sluice explain`: why the release stands where it stands and does not go on, in sentences. */
import type { Command } from 'commander'
import { type BlockerView, type ReleaseView, releaseSchema, type VerdictView } from '../api/index.ts'
import { nextStep } from '../describe/next-step.ts'
import { nextSteps, remedy } from './next-steps.ts'
import { headline } from './release-view.ts'
import { openSession } from './session.ts'
import type { Style } from './terminal.ts'
import { figure, fromNow, moment, place, plural, span } from './words.ts'

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('why the release does not go on: what blocks it, the evidence, and what would help')
    .action(async (_options: object, command: Command) => {
      const session = openSession(command)
      session.show(await session.call('', releaseSchema), (release, style) => explanation(release, Date.now(), style))
    })
}

function explanation(release: ReleaseView, now: number, style: Style): string[] {
  const undecided = release.verdicts.filter((verdict) => verdict.status !== 'pass')
  return [
    headline(release, now, style),
    `It has been at ${place(release)} since ${moment(release.since)} (${fromNow(release.since, now)}). Reason: ${release.reason || 'none given'}`,
    ...aftermath(release, now),
    '',
    ...goingOn(release, now, style),
    ...(undecided.length > 0
      ? ['', style.bold('Guardrails that do not pass'), ...undecided.flatMap((v) => verdictLines(v))]
      : []),
    '',
    ...nextSteps(release),
  ]
}

function goingOn(release: ReleaseView, now: number, style: Style): string[] {
  const step = stepOf(release)
  if (step === null) return [style.bold('There is no further stage.')]
  if (release.blocked_by.length > 0) {
    return [
      style.bold(`It does not ${step}, because:`),
      ...release.blocked_by.flatMap((blocker, i) => blockerLines(blocker, i + 1, now)),
    ]
  }
  const when = release.next_check_at ? `, at the next check ${fromNow(release.next_check_at, now)}` : ''
  return [
    style.bold(
      nextStep(release).by === 'gateway'
        ? `Nothing blocks it: it will ${step} automatically${when}.`
        : `Nothing blocks it: it needs an operator to ${step}.`,
    ),
  ]
}

/** The step as a verb; null where none is left. */
function stepOf(release: ReleaseView): string | null {
  const { step, to } = nextStep(release)
  if (step === 'start') return 'start'
  if (step === 'reset') return 'start again'
  if (to === null) return null
  return to.stage === 'completed' ? 'complete (promote)' : `advance to ${place(to)}`
}

function blockerLines(blocker: BlockerView, nth: number, now: number): string[] {
  const ends = blocker.until ? ` It ends by itself ${fromNow(blocker.until, now)}, at ${moment(blocker.until)}.` : ''
  return [`  ${nth}. ${blocker.message}.${ends}`, `     What would help: ${remedy(blocker)}`]
}

function verdictLines(verdict: VerdictView): string[] {
  const { from, to, bad, needed } = verdict.windows
  const over = from && to ? ` Judged over ${moment(from)} to ${moment(to)}.` : ''
  const streak = verdict.method === 'threshold' && bad > 0 ? ` ${bad} of ${needed} windows bad in a row.` : ''
  return [
    `  ${verdict.guardrail} (${verdict.action} on a breach): ${verdict.status.replace('_', ' ')}. ${verdict.message}`,
    `     ${verdict.formula}; candidate n = ${verdict.n}, control n = ${verdict.baseline_n}.${streak}${over}`,
  ]
}

function aftermath({ state, blast_radius: b, draining }: ReleaseView, now: number): string[] {
  const lines: string[] = []
  if (b) {
    const first = b.first_failure_at
      ? ` First failure ${moment(b.first_failure_at)}, decided ${moment(b.decided_at)}.`
      : ` Decided ${moment(b.decided_at)} (${fromNow(b.decided_at, now)}).`
    lines.push(
      `${state === 'rolled_back' ? 'Damage' : 'Damage of the last run'}: ${plural(b.subjects_exposed, 'subject')} exposed, ${plural(b.jobs_failed, 'job')} failed, ${b.jobs_rescued} of them rescued, ${figure(Math.round(b.gpu_seconds_lost))} GPU seconds spent on failed jobs and copies.${first}`,
    )
  }
  if (draining && draining.jobs > 0)
    lines.push(
      `Draining: ${plural(draining.jobs, 'job')} of the candidate still served there, the oldest ${span(draining.oldest_seconds)}. Keep its backend up.`,
    )
  return lines
}
