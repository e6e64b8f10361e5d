/** The two backends of a release: `control` is the old model (group A), `candidate` the new one (group B). */
export const ARMS = ['control', 'candidate'] as const
export type Arm = (typeof ARMS)[number]

/** The same of either arm. */
export function byArm<T>(of: (arm: Arm) => T): Record<Arm, T> {
  return { control: of('control'), candidate: of('candidate') }
}
