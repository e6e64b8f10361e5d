import { DDSketch } from '@datadog/sketches-js'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  addTo,
  countAbove,
  decodeSketch,
  emptySketch,
  encodeSketch,
  merged,
  mergeInto,
  quantile,
  type Sketch,
} from '../../src/core/sketch.ts'
import { drawNormal, seededRandom } from '../../src/core/stats/sampling.ts'

const DAY = 86_400
const seconds = fc.double({ min: 0.001, max: DAY, noNaN: true })
const anything = fc.oneof(seconds, fc.double(), fc.constantFrom(0, 1e-9, 1e9, -1, Number.NaN, Infinity))
const sketches = fc.array(anything, { maxLength: 60 }).map((values) => sketchOf(values))

function sketchOf(values: readonly number[]): Sketch {
  const sketch = emptySketch()
  for (const value of values) addTo(sketch, value)
  return sketch
}

/** The value that a quantile must be near to: that of rank ⌊q(n − 1)⌋. */
function exact(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))]!
}

const random = seededRandom(20261124)
const DATASETS: Record<string, number[]> = {
  lognormal: Array.from({ length: 20_000 }, () => 40 * Math.exp(0.5 * drawNormal(random))),
  bimodal: Array.from({ length: 20_000 }, () => (random() < 0.9 ? 0.05 : 90) * Math.exp(0.2 * drawNormal(random))),
  pareto: Array.from({ length: 20_000 }, () => Math.min(DAY, 0.3 * (1 - random()) ** (-1 / 1.2))),
  uniform: Array.from({ length: 5000 }, () => 0.001 + random() * 2),
}

describe('quantiles', () => {
  test.each(Object.entries(DATASETS))('of %s data are within 0.5 % of the exact ones', (_, values) => {
    const sketch = sketchOf(values)
    for (const q of [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1]) {
      const want = exact(values, q)
      expect(Math.abs(quantile(sketch, q)! - want) / want).toBeLessThanOrEqual(0.005)
    }
  })

  it('are within 0.5 % for any values from 1 ms to 24 h', () => {
    fc.assert(
      fc.property(
        fc.array(seconds, { minLength: 1, maxLength: 50 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const want = exact(values, q)
          expect(Math.abs(quantile(sketchOf(values), q)! - want) / want).toBeLessThanOrEqual(0.005)
        },
      ),
    )
  })

  it('are right at every edge of the range', () => {
    for (const value of [0.001, 0.0010001, 1, 59.999, 3600, DAY - 1e-6, DAY]) {
      expect(quantile(sketchOf([value, value]), 0.5)).toBeCloseTo(value, 12)
    }
  })

  test.each(Object.entries(DATASETS))('of %s data agree with DataDog’s sketch', (_, values) => {
    const theirs = new DDSketch({ relativeAccuracy: 0.0025 })
    for (const value of values) theirs.accept(value)
    const ours = sketchOf(values)
    expect(ours.count).toBe(theirs.count)
    for (const q of [0.05, 0.5, 0.9, 0.95, 0.99, 0.999]) {
      expect(quantile(ours, q)).toBeCloseTo(theirs.getValueAtQuantile(q), 9)
    }
  })

  it('of nothing are null', () => expect(quantile(emptySketch(), 0.99)).toBeNull())
})

describe('counting', () => {
  it('tracks count, sum, least and greatest', () => {
    const sketch = sketchOf([2, 0.5, 8])
    addTo(sketch, 4, 3)
    expect(sketch).toMatchObject({ count: 6, sum: 22.5, min: 0.5, max: 8, rejected: 0, clamped: 0 })
  })

  it('rejects what is no latency and counts it', () => {
    const sketch = sketchOf([Number.NaN, -0.001, -Infinity, Infinity])
    expect(sketch).toEqual({ ...emptySketch(), rejected: 4 })
  })

  it('clamps what is out of range and counts it', () => {
    const sketch = sketchOf([0, 0.0001, 1, 200_000])
    expect(sketch).toMatchObject({ count: 4, rejected: 0, clamped: 3, min: 0.001, max: DAY })
  })

  it('counts what lies above a latency', () => {
    const sketch = sketchOf([1, 2, 3, 4, 5])
    expect([0, 0.5, 2, 2.5, 5, 1e6].map((at) => countAbove(sketch, at))).toEqual([5, 5, 3, 3, 0, 0])
  })

  it('stays within 3,656 buckets however much is added', () => {
    const sketch = emptySketch()
    for (let log = Math.log(1e-5); log < Math.log(1e6); log += 0.001) addTo(sketch, Math.exp(log))
    expect(sketch.buckets.length).toBeLessThanOrEqual(3656)
  })
})

describe('merging', () => {
  it('gives what adding everything to one sketch gives', () => {
    fc.assert(
      fc.property(fc.array(anything), fc.array(anything), (a, b) => {
        expect(merged(sketchOf(a), sketchOf(b))).toEqual(sketchOf([...a, ...b]))
      }),
    )
  })

  it('is commutative and associative, to the last bit', () => {
    fc.assert(
      fc.property(sketches, sketches, sketches, (a, b, c) => {
        expect(merged(a, b)).toEqual(merged(b, a))
        expect(merged(merged(a, b), c)).toEqual(merged(a, merged(b, c)))
      }),
    )
  })

  it('into a target leaves the source alone', () => {
    const source = sketchOf([1, 2])
    const before = structuredClone(source)
    const target = sketchOf([3])
    mergeInto(target, source)
    addTo(target, 1)
    expect(source).toEqual(before)
    expect(target.count).toBe(4)
  })
})

describe('on the wire', () => {
  it('comes back as it was, from bytes, structured clone and JSON', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        expect(decodeSketch(encodeSketch(sketch))).toEqual(sketch)
        expect(structuredClone(sketch)).toEqual(sketch)
        expect(JSON.parse(JSON.stringify(sketch))).toEqual(sketch)
      }),
    )
  })

  it('comes back as it was from just below a second, where the bucket is 0 and never -0', () => {
    const sketch = sketchOf([0.9950124688279303])
    expect(sketch.buckets).toEqual([0])
    expect(decodeSketch(encodeSketch(sketch))).toEqual(sketch)
  })

  it('is read from the middle of a larger buffer too', () => {
    const sketch = sketchOf([0.2, 30, 31])
    const bytes = encodeSketch(sketch)
    const larger = new Uint8Array(bytes.length + 20)
    larger.set(bytes, 7)
    expect(decodeSketch(larger.subarray(7, 7 + bytes.length))).toEqual(sketch)
  })

  it('takes a few hundred bytes for a window of a thousand jobs', () => {
    expect(encodeSketch(sketchOf(DATASETS['lognormal']!.slice(0, 1000))).length).toBeLessThan(600)
    expect(encodeSketch(sketchOf(DATASETS['lognormal']!)).length).toBeLessThan(1000)
  })

  it('refuses what it did not write', () => {
    const bytes = encodeSketch(sketchOf([1, 2, 300]))
    expect(() => decodeSketch(new Uint8Array())).toThrow(RangeError)
    expect(() => decodeSketch(Uint8Array.of(9, 0, 0, 0))).toThrow('format 9')
    for (let length = 1; length < bytes.length; length++) {
      expect(() => decodeSketch(bytes.subarray(0, length))).toThrow('cut short')
    }
  })
})
