/** File and live overlay together: what may be changed, that the whole is validated, and where each value comes from. */
import { describe, expect, it } from 'vitest'
import { readConfig, type ReleaseConfig } from '../../src/config/load.ts'
import { driftOf, effectiveRelease, type Overlay, OVERLAY_KEYS, sources } from '../../src/config/overlay.ts'

const PROTOCOLS = ['openai-videos']
const FILE = fileOf({ bake: '10m', ladder: [1, 100], shadow: { sample: 0.5, max_in_flight: 7 } })

function fileOf(more: Record<string, unknown>): ReleaseConfig {
  const arms = { control: { url: 'https://old.example' }, candidate: { url: 'https://new.example' } }
  const read = readConfig({ RELEASE_A: { name: 'r', protocol: 'openai-videos', arms, ...more } }, PROTOCOLS)
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  return read.config.releases[0]!
}

const laid = (overlay: Record<string, unknown>) => effectiveRelease(FILE, overlay as Overlay, PROTOCOLS)

describe('the effective release', () => {
  it("is the file with the overlay's keys in place of its own", () => {
    expect(laid({ bake: '1s', advance: 'auto' })).toMatchObject({
      ok: true,
      config: {
        bakeMs: 1000,
        advance: 'auto',
        ladder: [{ percent: 1, bakeMs: 1000 }, { percent: 100 }],
        key: 'RELEASE_A',
      },
    })
  })

  it("keeps the file's keys of a table of which the overlay names another", () => {
    expect(laid({ shadow: { sample: 0 } })).toMatchObject({
      config: { shadow: { sample: 0, maxInFlight: 7, maxJobsPerDay: 5000 } },
    })
  })

  it('replaces lists whole', () => {
    expect(laid({ ladder: [100] })).toMatchObject({ config: { ladder: [{ percent: 100 }] } })
  })

  it('is the file itself without an overlay', () => {
    expect(laid({})).toEqual({ ok: true, config: FILE })
  })

  it('can not have its arms, name or windows changed live', () => {
    for (const key of ['arms', 'name', 'protocol', 'window_seconds', 'match', 'rescue', 'cooldown', 'surprise']) {
      expect(OVERLAY_KEYS).not.toContain(key)
      const refused = laid({ [key]: 'x' })
      expect(refused.ok).toBe(false)
      expect(!refused.ok && refused.issues.map(({ path }) => path)).toContain(key)
    }
  })

  it("is refused as a whole with every error, under the operator's own paths", () => {
    const refused = laid({ ladder: [5, 1], shadow: { sample: 3, surprise: 1 }, guardrails: [{ metric: 'error_rate' }] })
    expect(!refused.ok && refused.issues.map(({ path }) => path).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'guardrails.0',
      'ladder',
      'shadow.sample',
      'shadow.surprise',
    ])
  })
})

describe('drift', () => {
  it('names the keys that say something else than the file, and no others', () => {
    const same = { bake: '10m', ladder: [1, 100], shadow: { max_in_flight: 7 } }
    expect(driftOf(FILE, same)).toEqual([])
    expect(driftOf(FILE, { ...same, bake: '1s', shadow: { max_in_flight: 8 }, advance: 'auto' })).toEqual([
      'bake',
      'shadow',
      'advance',
    ])
  })
})

describe('sources', () => {
  it('tell for each key, and each key of shadow, whether it is live, of the file or a default', () => {
    const told = sources(FILE, { bake: '1s', shadow: { sample: 0 }, min_jobs: 3 })
    expect(told).toMatchObject({
      bake: { value: '1s', source: 'live', file: '10m' },
      min_jobs: { value: 3, source: 'live' },
      ladder: { value: [1, 100], source: 'file' },
      'shadow.sample': { value: 0, source: 'live', file: 0.5 },
      'shadow.max_in_flight': { value: 7, source: 'file' },
      advance: { value: 'manual', source: 'default' },
      'shadow.max_jobs_per_day': { value: 5000, source: 'default' },
      'experiment.min_days': { value: 7, source: 'default' },
    })
    expect(told['min_jobs']).not.toHaveProperty('file')
  })
})
