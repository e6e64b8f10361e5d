/** Subjects chosen by where the hash puts them. */
import type { Arm } from '../../src/core/arm.ts'
import { isCandidate, positionOf } from '../../src/core/assignment.ts'

/** So many subjects that the hash puts into this arm at this percent. */
export function subjectsOf(release: string, arm: Arm, percent: number, count: number): string[] {
  const found: string[] = []
  for (let i = 0; found.length < count; i++) {
    const subject = `user-${i}`
    if (isCandidate(positionOf(release, subject), percent) === (arm === 'candidate')) found.push(subject)
  }
  return found
}
