import { expect, test } from 'vitest'
import { makeClip } from '../../demo/clip.ts'
import { encodeClip } from '../../demo/h264.ts'
import { boxAt, readBoxes } from './mp4-boxes.ts'

test('a clip is an MP4 file whose boxes add up and whose index leads to every frame', () => {
  const bytes = makeClip('video_gen_1', 4, 210)
  const file = new DataView(bytes.buffer)
  const boxes = readBoxes(file)
  expect(boxes.map(({ type }) => type)).toEqual(['ftyp', 'moov', 'free', 'mdat'])
  const table = (type: string) => boxAt(boxes, `moov/trak/mdia/minf/stbl/${type}`).data
  const frames = table('stsz').getUint32(8)
  expect(frames).toBe(48)
  expect(table('stts').getUint32(8)).toBe(frames)
  const sizes = Array.from({ length: frames }, (_, i) => table('stsz').getUint32(12 + 4 * i))

  let at = table('stco').getUint32(8)
  sizes.forEach((size, i) => {
    expect(file.getUint32(at)).toBe(size - 4)
    const [reference, type] = [file.getUint8(at + 4) >> 5, file.getUint8(at + 4) & 31]
    expect([reference > 0, type]).toEqual([true, i === 0 ? 5 : 1])
    at += size
  })
  expect(at).toBe(bytes.length)
})

test('a clip names its size, its length and a baseline profile', () => {
  const boxes = readBoxes(new DataView(makeClip('video_gen_1', 4, 210).buffer))
  const tkhd = boxAt(boxes, 'moov/trak/tkhd').data
  expect([tkhd.getUint32(76) >> 16, tkhd.getUint32(80) >> 16]).toEqual([320, 192])
  const mvhd = boxAt(boxes, 'moov/mvhd').data
  expect(mvhd.getUint32(16) / mvhd.getUint32(12)).toBe(4)
  const avcC = boxAt(boxes, 'moov/trak/mdia/minf/stbl/stsd/avc1/avcC').data
  expect([avcC.getUint8(0), avcC.getUint8(1)]).toEqual([1, 66])
})

test('clips are small, the same for the same job, and others for other jobs and arms', () => {
  const clip = (id: string, hue: number) => Buffer.from(makeClip(id, 4, hue)).toString('base64')
  expect(clip('a', 210)).toBe(clip('a', 210))
  expect(new Set([clip('a', 210), clip('b', 210), clip('a', 140)]).size).toBe(3)
  for (let i = 0; i < 50; i++) expect(makeClip(`video_gen_${i}`, 12, 210).length).toBeLessThan(30_000)
})

test('no start code can be mistaken inside a frame, even of black raw blocks', () => {
  const { frames } = encodeClip({
    columns: 2,
    rows: 2,
    palette: [
      [0, 0, 0],
      [1, 0, 3],
    ],
    frames: [Uint8Array.of(0, 1, 1, 0)],
  })
  expect(
    Buffer.from(frames[0] as Uint8Array)
      .toString('hex')
      .match(/.{2}/g)
      ?.join(' '),
  ).not.toMatch(/00 00 0[012]/)
})
