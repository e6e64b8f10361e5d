/**
 * Property tests draw the same cases on every run, so that a change is judged by itself and not by the draw.
 * `npm run test:explore` draws new ones, and many more: what it finds becomes an example of its own.
 */
import * as fc from 'fast-check'

const isExploring = Boolean(process.env['SLUICE_EXPLORE'])
const EXPLORED_RUNS = 20_000
const EXPLORED_TIMES = 50

fc.configureGlobal(isExploring ? { numRuns: EXPLORED_RUNS } : { seed: 20_261_124 })

/** For a property whose cases are dear: so many of them, and fifty times as many where `npm run test:explore` looks. */
export function cases(numRuns: number): { numRuns: number } {
  return { numRuns: isExploring ? numRuns * EXPLORED_TIMES : numRuns }
}
