/** What an action would change, in words, from the state before and the state that a dry run gives. */
import type { ActionCommand, CounterRow, ReleaseView } from '../api/index.ts'
import { group, type Part, placeName, share, stageName } from './format.ts'
import type { Text } from './text/index.ts'

const DAY_MS = 86_400_000

export function effects(
  before: ReleaseView,
  after: ReleaseView,
  command: ActionCommand,
  submitsPerDay: number | null,
  t: Text,
): Part[][] {
  const words = t.confirm
  const found: Part[][] = []
  if (before.stage !== after.stage || before.percent !== after.percent)
    found.push(words.place(placeName(before, t), placeName(after, t)))
  found.push(...traffic(shareOf(before), shareOf(after), submitsPerDay, t))
  found.push(...own(before, command, t))
  if (command.action === 'set_shadow') found.push(...copies(before, after, command, submitsPerDay, t))
  if (command.force) found.push(words.forced)
  if (after.epoch !== before.epoch && after.state !== 'rolled_back' && after.state !== 'idle') found.push(words.epoch)
  return found
}

/** What holds of an action wherever it is taken. */
function own(before: ReleaseView, { action }: ActionCommand, t: Text): Part[][] {
  const words = t.confirm
  const found: Partial<Record<typeof action, Part[][]>> = {
    rollback: [words.rollback, words.stays],
    pause: [before.state === 'shadow' ? words.pauseShadow : words.pause],
    resume: [words.resume],
    reset: [words.reset],
    promote: [words.promote],
    approve: [words.approve(before.next ? stageName(before.next.stage, t) : t.stage.completed)],
  }
  return found[action] ?? []
}

/** Candidate's percent of new submits. */
export function shareOf(view: ReleaseView): number {
  return view.state === 'completed' ? 100 : view.percent
}

function traffic(from: number, to: number, submitsPerDay: number | null, t: Text): Part[][] {
  if (submitsPerDay === null || from === to) return []
  const more = (submitsPerDay * (to - from)) / 100
  const rounded = roundly(Math.abs(more))
  if (rounded === 0) return []
  return [t.confirm.submits(group(rounded), more > 0)]
}

function copies(
  before: ReleaseView,
  after: ReleaseView,
  command: ActionCommand,
  submitsPerDay: number | null,
  t: Text,
): Part[][] {
  const from = before.shadow.sample
  const to = command.sample ?? after.shadow.sample
  const words = t.confirm
  const found: Part[][] = []
  if (from !== to) found.push(words.copies(share(from, t), share(to, t)))
  const running = before.state === 'shadow' || (before.state === 'canary' && before.shadow.active)
  if (running && submitsPerDay !== null && from !== to) {
    const control = submitsPerDay * (1 - shareOf(before) / 100)
    const rounded = roundly(Math.abs(to - from) * control)
    if (rounded > 0) found.push(to > from ? words.copiesMore(group(rounded)) : words.copiesFewer(group(rounded)))
  }
  if (command.during_canary !== undefined) found.push(words.canaryCopies(command.during_canary))
  return found
}

/** An estimate deserves two digits. */
function roundly(n: number): number {
  return Number(n.toPrecision(2)) >= 1 ? Math.round(Number(n.toPrecision(n < 100 ? 1 : 2))) : 0
}

/** Real submits a day, by the counters of a span; null where there were none. */
export function submitsPerDay(rows: readonly CounterRow[], spanMs: number): number | null {
  const entries = ['submit', 'sync', 'other']
  const n = rows.filter((r) => !r.shadow && entries.includes(r.operation)).reduce((sum, r) => sum + r.requests, 0)
  return n > 0 ? (n * DAY_MS) / spanMs : null
}
