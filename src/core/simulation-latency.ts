/** Latency sketches of simulated windows: every job drawn, but busy windows used again. */
import { addTo, emptySketch, type Sketch } from './sketch.ts'
import { drawNormal, drawPoisson, type Random } from './stats/sampling.ts'

/** Below this many jobs a window is cheap enough to be drawn afresh each time. */
const FRESH_BELOW = 8
/** Jobs drawn for one pool before its windows are used again, as far as that gives between so many windows. */
const POOL_JOBS = 400_000
const POOL_WINDOWS = { least: 60, most: 4000 }

/** Returns what gives the sketch of the next window, with Poisson many jobs. */
export function latencySource(
  expectedJobs: number,
  latency: { median: number; sigma: number },
  random: Random,
): () => Sketch {
  const fresh = (): Sketch => drawSketch(drawPoisson(expectedJobs, random), latency, random)
  if (expectedJobs < FRESH_BELOW) return fresh
  const size = Math.min(POOL_WINDOWS.most, Math.max(POOL_WINDOWS.least, Math.round(POOL_JOBS / expectedJobs)))
  const pool: Sketch[] = []
  return () => {
    if (pool.length === size) return pool[Math.floor(random() * size)]!
    const sketch = fresh()
    pool.push(sketch)
    return sketch
  }
}

function drawSketch(jobs: number, { median, sigma }: { median: number; sigma: number }, random: Random): Sketch {
  const sketch = emptySketch()
  for (let i = 0; i < jobs; i++) addTo(sketch, median * Math.exp(sigma * drawNormal(random)))
  return sketch
}
