/** What tells two overlays apart: as a patch that leads from one to the other, and key by key for a reader. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/load.ts'
import { type Overlay, patchOverlay } from '../../src/config/overlay.ts'
import { diffOf, patchTo } from '../../src/config/overlay-diff.ts'

const arms = { control: { url: 'http://127.0.0.1:1' }, candidate: { url: 'http://127.0.0.1:2' } }
const read = readConfig(
  { RELEASE_A: { name: 'a', protocol: 'http', bake: '5m', shadow: { sample: 0.2, max_in_flight: 9 }, arms } },
  ['http'],
)
if (!read.ok) throw new Error(JSON.stringify(read.issues))
const file = read.config.releases[0]!

describe('patchTo', () => {
  it('names what differs and nothing else, with null for what goes back to the file', () => {
    const from = { bake: '1h', min_jobs: 3, shadow: { sample: 1, max_in_flight: 3 }, advance: 'auto' }
    const to = { min_jobs: 3, shadow: { sample: 0.5, max_body_bytes: 9 }, ladder: [1, 100], advance: 'manual' }
    expect(patchTo(from, to)).toEqual({
      bake: null,
      shadow: { sample: 0.5, max_in_flight: null, max_body_bytes: 9 },
      advance: 'manual',
      ladder: [1, 100],
    })
    expect(patchTo(from, { ...from })).toEqual({})
  })

  it('leads from any overlay to any other', () => {
    const inner = fc.record(
      { sample: fc.double({ noNaN: true }), max_in_flight: fc.nat() },
      { requiredKeys: ['sample'] },
    )
    const overlay = fc.record(
      { bake: fc.string(), ladder: fc.array(fc.nat()), shadow: inner, experiment: inner, min_jobs: fc.nat() },
      { requiredKeys: [] },
    ) as fc.Arbitrary<Overlay>
    fc.assert(
      fc.property(overlay, overlay, (from, to) => {
        const json = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown
        expect(json(patchOverlay(from, patchTo(from, to)))).toEqual(json(to))
      }),
    )
  })
})

describe('diffOf', () => {
  it('tells what acts before and after, and where each comes from', () => {
    expect(diffOf(file, { bake: '1h' }, { min_jobs: 3, shadow: { sample: 1 } })).toEqual([
      { key: 'bake', from: { value: '1h', source: 'live', file: '5m' }, to: { value: '5m', source: 'file' } },
      { key: 'min_jobs', from: { value: 50, source: 'default' }, to: { value: 3, source: 'live' } },
      {
        key: 'shadow.sample',
        from: { value: 0.2, source: 'file' },
        to: { value: 1, source: 'live', file: 0.2 },
      },
    ])
  })

  it('tells the default of a key that neither names, also within a table', () => {
    const to = { shadow: { max_jobs_per_day: 9 }, experiment: { alpha: 0.01, strata: 'region' } }
    expect(diffOf(file, {}, to).map(({ key, from }) => [key, from])).toEqual([
      ['shadow.max_jobs_per_day', { value: 5000, source: 'default' }],
      ['experiment.alpha', { value: 0.05, source: 'default' }],
      ['experiment.strata', { value: null, source: 'default' }],
    ])
    expect(diffOf(file, to, {}).map(({ to: is }) => is.source)).toEqual(['default', 'default', 'default'])
  })

  it('tells a live value that says what the file says, since it would stay when the file changes', () => {
    expect(diffOf(file, {}, { bake: '5m' }).map(({ key, to }) => [key, to.source])).toEqual([['bake', 'live']])
    expect(diffOf(file, { bake: '5m' }, { bake: '5m' })).toEqual([])
  })
})
