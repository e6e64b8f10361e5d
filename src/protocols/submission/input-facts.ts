/** Prompt length, clip length and amount of work in a model's own input, under the names that hosted Wan models take. */
import type { Submission } from '../submit.ts'
import { clipFacts } from './clip-facts.ts'
import { codePoints } from './code-points.ts'

export function inputFacts(
  input: ReadonlyMap<string, unknown>,
): Pick<Submission, 'promptChars' | 'durationSeconds' | 'work'> {
  const prompt = input.get('prompt')
  return {
    promptChars: typeof prompt === 'string' ? codePoints(prompt) : null,
    ...clipFacts({
      frames: input.get('num_frames'),
      fps: input.get('frames_per_second'),
      seconds: input.get('duration'),
      size: input.get('resolution'),
    }),
  }
}
