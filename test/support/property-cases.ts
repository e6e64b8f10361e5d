/**
 * Property tests draw the same cases on every run, so that a change is judged by itself and not by the draw.
 * `npm run test:explore` draws new ones, and many more: what it finds becomes an example of its own.
 */
import * as fc from 'fast-check'

const EXPLORED_RUNS = 20_000

fc.configureGlobal(process.env['SLUICE_EXPLORE'] ? { numRuns: EXPLORED_RUNS } : { seed: 20_261_124 })
