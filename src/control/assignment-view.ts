/** What the gateway would decide for a subject of which nothing else is known. Nothing is counted or stored. */
import { assign, type Assignment, positionOf } from '../core/assignment.ts'
import type { Snapshot } from '../core/release.ts'
import type { Attributes } from '../core/rules.ts'
import type { AssignmentView } from '../api/index.ts'

const NOTHING_KNOWN: Attributes = {
  claims: {},
  country: null,
  header: () => null,
  model: null,
  promptChars: null,
  durationSeconds: null,
}

export function assignmentOf(snapshot: Snapshot, subject: string, forceControl: boolean): AssignmentView {
  const { release, stage, percent, epoch } = snapshot
  const { arm, reason, position } = forceControl ? forced(snapshot, subject) : assign(snapshot, subject, NOTHING_KNOWN)
  return { release, subject, arm, reason, stage, percent, position, epoch }
}

function forced({ release }: Snapshot, subject: string): Omit<Assignment, 'percent'> {
  return { arm: 'control', reason: 'forced_control', position: positionOf(release, subject) }
}
