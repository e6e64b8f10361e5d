/**
 * A tiny H.264 baseline encoder (ITU-T H.264) for pictures made of flat 16×16 blocks, which is
 * all that the demo's videos need. Exact colours, no residuals: a block is copied from the one
 * on its left or above, kept from the last frame, or written out as raw samples.
 */
import { BitWriter } from './bit-writer.ts'

/** Luma, blue and red difference, BT.601, studio range. */
export type Colour = readonly [y: number, cb: number, cr: number]

/** Indexes into the palette, row by row, one for each 16×16 block. */
export type Picture = Uint8Array

export interface Clip {
  columns: number
  rows: number
  palette: readonly Colour[]
  frames: readonly Picture[]
}

export interface Encoded {
  sps: Uint8Array
  pps: Uint8Array
  /** One NAL unit a frame, without start code or length; the first is the only key frame. */
  frames: Uint8Array[]
}

const NAL = { slice: 0x41, keySlice: 0x65, sps: 0x67, pps: 0x68 }
/** Level 2.1, enough for 352×288 at 50 frames/s. */
const LEVEL = 21
/** log2(max_frame_num): 8 bits. */
const FRAME_NUM_BITS = 8
/** Table 7-11 of the standard: mb_type of Intra_16x16 with this prediction and no residual, and of I_PCM. */
const MB = { fromAbove: 1, fromLeft: 2, raw: 25 }
/** Table 7-13: in a P slice, intra types come after the five inter ones. */
const INTRA_IN_P = 5

export function encodeClip(clip: Clip): Encoded {
  return {
    sps: sequenceParameters(clip),
    pps: pictureParameters(),
    frames: clip.frames.map((picture, i) => slice(clip, picture, i === 0 ? null : (clip.frames[i - 1] as Picture), i)),
  }
}

function sequenceParameters({ columns, rows }: Clip): Uint8Array {
  const bits = new BitWriter()
  bits.fixed(8, 66).fixed(8, 0xc0).fixed(8, LEVEL) // constrained baseline
  bits.ue(0).ue(FRAME_NUM_BITS - 4)
  bits.ue(2) // order of output is order of decoding
  bits.ue(1).flag(0) // one reference frame, no gaps
  bits.ue(columns - 1).ue(rows - 1)
  bits.flag(1).flag(1) // progressive, direct_8x8_inference
  bits.flag(0).flag(0) // no cropping, no VUI
  return bits.nalUnit(NAL.sps)
}

function pictureParameters(): Uint8Array {
  const bits = new BitWriter()
  bits.ue(0).ue(0)
  bits.flag(0).flag(0) // CAVLC, no field order
  bits.ue(0).ue(0).ue(0) // one slice group, one reference each way
  bits.flag(0).fixed(2, 0) // no weighted prediction
  bits.se(0).se(0).se(0)
  bits.flag(1).flag(0).flag(0) // slices say that they are not deblocked
  return bits.nalUnit(NAL.pps)
}

function slice(clip: Clip, picture: Picture, last: Picture | null, number: number): Uint8Array {
  const bits = new BitWriter()
  bits
    .ue(0)
    .ue(last ? 5 : 7)
    .ue(0) // first block, all P or all I, picture parameters
  bits.fixed(FRAME_NUM_BITS, number % (1 << FRAME_NUM_BITS))
  if (last) bits.flag(0).flag(0).flag(0) // default references, default marking
  else bits.ue(0).flag(0).flag(0) // idr_pic_id, plain marking
  bits.se(0).ue(1) // no change of quantiser, no deblocking
  blocks(bits, clip, picture, last)
  return bits.nalUnit(last ? NAL.slice : NAL.keySlice)
}

function blocks(bits: BitWriter, { columns, palette }: Clip, picture: Picture, last: Picture | null): void {
  const offset = last ? INTRA_IN_P : 0
  const raw = new Set<number>()
  let skipped = 0
  picture.forEach((colour, i) => {
    if (last && last[i] === colour) {
      skipped++
      return
    }
    if (last) bits.ue(skipped)
    skipped = 0
    const left = i % columns > 0 ? i - 1 : null
    const above = i >= columns ? i - columns : null
    if (left !== null && picture[left] === colour) copyBlock(bits, offset + MB.fromLeft, 1)
    else if (above !== null && picture[above] === colour) copyBlock(bits, offset + MB.fromAbove, 2)
    else {
      raw.add(i)
      rawBlock(bits.ue(offset + MB.raw), palette[colour] as Colour)
      return
    }
    // coeff_token of "no coefficients": its table depends on the neighbours, where raw blocks count 16 and others 0.
    const nearRaw = (left !== null && raw.has(left)) || (above !== null && raw.has(above))
    if (nearRaw) bits.fixed(6, 0b000011)
    else bits.fixed(1, 1)
  })
  if (last && skipped > 0) bits.ue(skipped)
}

/** mb_type, intra_chroma_pred_mode (1 left, 2 above) and no change of quantiser. */
function copyBlock(bits: BitWriter, type: number, chromaMode: number): void {
  bits.ue(type).ue(chromaMode).se(0)
}

function rawBlock(bits: BitWriter, [y, cb, cr]: Colour): void {
  bits.align()
  for (let i = 0; i < 256; i++) bits.fixed(8, y)
  for (let i = 0; i < 64; i++) bits.fixed(8, cb)
  for (let i = 0; i < 64; i++) bits.fixed(8, cr)
}
