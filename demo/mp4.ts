/** An MP4 file (ISO/IEC 14496-12 and -15) around one H.264 track, with its index in front so that it plays while it loads. */
import type { Encoded } from './h264.ts'

export interface Track extends Encoded {
  width: number
  height: number
  framesPerSecond: number
}

const utf8 = new TextEncoder()
/** Units a second of every clock in the file, divisible by the frame rates in use. */
const TIMESCALE = 12_000
/** No rotation, no scaling. */
const MATRIX = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000].flatMap(u32)

/** `note` is kept in a box that players skip: it makes files of equal pictures differ. */
export function writeMp4(track: Track, note: string): Uint8Array<ArrayBuffer> {
  const samples = track.frames.map((unit) => [...u32(unit.length), ...unit])
  const ftyp = box('ftyp', utf8.encode('isom'), u32(512), utf8.encode('isomiso2avc1mp41'))
  const free = box('free', utf8.encode(note))
  const head = (mdatAt: number) => [...ftyp, ...movie(track, mdatAt + 8, samples), ...free]
  const mdatAt = head(0).length
  return Uint8Array.from([...head(mdatAt), ...box('mdat', samples.flat())])
}

function movie(track: Track, firstSampleAt: number, samples: number[][]): number[] {
  const frameTime = TIMESCALE / track.framesPerSecond
  const duration = u32(samples.length * frameTime)
  const mvhd = full(
    'mvhd',
    0,
    [...u32(0), ...u32(0), ...u32(TIMESCALE), ...duration],
    [...u32(0x10000), ...u16(0x0100), ...zeros(10)],
    MATRIX,
    zeros(24),
    u32(2),
  )
  const tkhd = full(
    'tkhd',
    3,
    [...u32(0), ...u32(0), ...u32(1), ...u32(0), ...duration],
    zeros(8),
    [...u16(0), ...u16(0), ...u16(0), ...u16(0)],
    MATRIX,
    u32(track.width << 16),
    u32(track.height << 16),
  )
  const mdhd = full('mdhd', 0, [...u32(0), ...u32(0), ...u32(TIMESCALE), ...duration], u16(0x55c4), u16(0))
  const hdlr = full('hdlr', 0, u32(0), utf8.encode('vide'), zeros(12), utf8.encode('Video\0'))
  const dinf = box('dinf', full('dref', 0, u32(1), full('url ', 1)))
  const stbl = box(
    'stbl',
    full('stsd', 0, u32(1), sampleEntry(track)),
    full('stts', 0, u32(1), u32(samples.length), u32(frameTime)),
    full('stss', 0, u32(1), u32(1)),
    full('stsc', 0, u32(1), u32(1), u32(samples.length), u32(1)),
    full(
      'stsz',
      0,
      u32(0),
      u32(samples.length),
      samples.flatMap((sample) => u32(sample.length)),
    ),
    full('stco', 0, u32(1), u32(firstSampleAt)),
  )
  const minf = box('minf', full('vmhd', 1, zeros(8)), dinf, stbl)
  return box('moov', mvhd, box('trak', tkhd, box('mdia', mdhd, hdlr, minf)))
}

function sampleEntry({ width, height, sps, pps }: Track): number[] {
  const avcC = box('avcC', [1, ...sps.slice(1, 4), 0xff, 0xe1], u16(sps.length), sps, [1], u16(pps.length), pps)
  return box(
    'avc1',
    zeros(6),
    u16(1),
    zeros(16),
    u16(width),
    u16(height),
    u32(0x480000),
    u32(0x480000),
    zeros(4),
    u16(1),
    zeros(32),
    u16(24),
    u16(0xffff),
    avcC,
  )
}

function box(type: string, ...contents: Iterable<number>[]): number[] {
  const body = contents.flatMap((content) => [...content])
  return [...u32(body.length + 8), ...utf8.encode(type), ...body]
}

/** A box with version 0 and flags. */
function full(type: string, flags: number, ...contents: Iterable<number>[]): number[] {
  return box(type, u32(flags), ...contents)
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}

function u16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255]
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0)
}
