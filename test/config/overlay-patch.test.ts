/** A merge patch of the live overlay: what `null` takes back, at the top and inside tables. */
import { describe, expect, it } from 'vitest'
import { patchOverlay } from '../../src/config/overlay.ts'

describe('patchOverlay', () => {
  const overlay = { bake: '10m', shadow: { sample: 0.5, max_in_flight: 3 } }

  it('takes a key back to the file with null', () => {
    expect(patchOverlay(overlay, { bake: null })).toEqual({ shadow: overlay.shadow })
  })

  it('takes one key of a table back and leaves the others live', () => {
    expect(patchOverlay(overlay, { shadow: { sample: null } })).toEqual({ bake: '10m', shadow: { max_in_flight: 3 } })
  })

  it('drops a table of which nothing is left, also one that was never live', () => {
    expect(patchOverlay(overlay, { shadow: { sample: null, max_in_flight: null } })).toEqual({ bake: '10m' })
    expect(patchOverlay({}, { experiment: { alpha: null } })).toEqual({})
  })

  it('changes nothing of what it was given', () => {
    patchOverlay(overlay, { shadow: { sample: null } })
    expect(overlay.shadow).toEqual({ sample: 0.5, max_in_flight: 3 })
  })
})
