import { expect, test } from 'vitest'
import { clipOf } from '../../demo/clip.ts'
import { boxAt, readBoxes } from './mp4-boxes.ts'

test.each(['control', 'candidate'] as const)('the clip of %s is an MP4 file whose boxes add up', (arm) => {
  const file = new DataView(clipOf(arm, 'video_gen_1').buffer)
  const boxes = readBoxes(file)
  expect(boxes.map(({ type }) => type)).toEqual(['ftyp', 'moov', 'free', 'mdat', 'free'])
  const tkhd = boxAt(boxes, 'moov/trak/tkhd').data
  expect([tkhd.getUint32(76) >> 16, tkhd.getUint32(80) >> 16]).toEqual([320, 192])
  const mvhd = boxAt(boxes, 'moov/mvhd').data
  expect(mvhd.getUint32(16) / mvhd.getUint32(12)).toBe(4)
})

test('clips are the same for the same job, and others for other jobs and arms', () => {
  const clip = (arm: 'control' | 'candidate', id: string) => Buffer.from(clipOf(arm, id)).toString('base64')
  expect(clip('control', 'a')).toBe(clip('control', 'a'))
  expect(new Set([clip('control', 'a'), clip('control', 'b'), clip('candidate', 'a')]).size).toBe(3)
})
