/** Data that stops: past its grace, what was found before is no longer worth anything, but for a breach. */
import { durationText, lackText } from './words.ts'
import { type Guardrail, kindOf } from './kinds.ts'
import type { JudgeContext, MonitorState } from './monitor.ts'
import type { Finding } from './verdict.ts'

/** The finding as it is worth now: `no_data` once nothing of the candidate was seen for longer than `no_data_grace`. */
export function withNoDataGrace(
  guardrail: Guardrail,
  state: MonitorState,
  context: JudgeContext,
  finding: Finding,
): Finding {
  if (finding.status === 'breach' || finding.status === 'error') return finding
  const missingMs = missingFor(guardrail, state, context)
  if (missingMs <= guardrail.noDataGraceMs) return finding
  // Of what was never seen, the finding's own words say as much.
  const words = (): string =>
    finding.status === 'no_data'
      ? finding.words()
      : `${lack(guardrail, state, missingMs)}; before that: ${finding.words()}`
  return { ...finding, status: 'no_data', note: 'grace_over', words }
}

/** Ms without an observation of the candidate, as far as they are known. */
function missingFor(guardrail: Guardrail, state: MonitorState, context: JudgeContext): number {
  const { now, clockStartedAt, epochStartedAt, listeningSince, recent, signals, judgedUntil = now } = context
  if ((recent?.candidate[guardrail.operation]?.requests ?? 0) > 0) return 0
  const { isPosted } = kindOf(guardrail)
  const heardAt = isPosted ? (signals?.candidate?.lastAt ?? null) : (state.seenAt ?? null)
  const since = heardAt ?? clockStartedAt ?? epochStartedAt ?? null
  if (since === null) return 0
  return (isPosted ? now : Math.min(now, judgedUntil)) - Math.max(since, listeningSince ?? 0)
}

function lack(guardrail: Guardrail, { uncounted }: MonitorState, missingMs: number): string {
  if (kindOf(guardrail).isPosted) return `no new samples for ${durationText(missingMs)}`
  return lackText(guardrail.operation, uncounted, missingMs)
}
