/** The two backends of a release: `control` is the old model (group A), `candidate` the new one (group B). */
export const ARMS = ['control', 'candidate'] as const
export type Arm = (typeof ARMS)[number]
