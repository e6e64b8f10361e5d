/** SSIM and PSNR of two video files by ffmpeg: how like control's the candidate's is, and how steady each is by itself. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Likeness {
  ssim?: number
  /** dB. */
  psnr?: number
}

export interface Measured {
  /** Candidate's frames against control's. One value of the pair, about the candidate. */
  likeness: Likeness
  /** Each frame against the one before it. A still picture has the most, so read it beside another measure. */
  steadiness: { control: Likeness; candidate: Likeness }
}

/** Of equal pictures it is infinite, and no mean could hold that. */
export const MOST_PSNR_DB = 100
const TIMEOUT_MS = 120_000
/** A file from a backend may name no other file and no address, and is a video and no playlist. */
const GUARDED = ['-protocol_whitelist', 'file', '-format_whitelist', 'mov,matroska,avi,gif,mpegts']

const run = promisify(execFile)

/** Both in control's size and frame rate, up to the end of the shorter one. Rejects where one is no video. */
export async function measure(control: string, candidate: string): Promise<Measured> {
  const { width, height, rate } = await formOf(control)
  const form = `fps=${rate},scale=${width}:${height},format=yuv420p,settb=1/25,setpts=N`
  const graph = [
    ...['control', 'candidate'].map((arm, i) => `[${i}:v:0]${form},split=6${pads(arm, 6)}`),
    '[candidate0][control0]ssim@likeness=shortest=1',
    '[candidate1][control1]psnr@likeness=shortest=1',
    ...['control', 'candidate'].flatMap((arm) => [
      `[${arm}2]trim=start_frame=1,setpts=N[${arm}Next0]`,
      `[${arm}3]trim=start_frame=1,setpts=N[${arm}Next1]`,
      `[${arm}4][${arm}Next0]ssim@${arm}=shortest=1`,
      `[${arm}5][${arm}Next1]psnr@${arm}=shortest=1`,
    ]),
  ].join(';')
  const inputs = [control, candidate].flatMap((file) => [...GUARDED, '-i', file])
  const { stderr } = await run('ffmpeg', ['-hide_banner', '-nostdin', ...inputs, '-lavfi', graph, '-f', 'null', '-'], {
    timeout: TIMEOUT_MS,
    maxBuffer: 64 << 20,
  })
  const likeness = likenessIn(stderr, 'likeness')
  if (likeness.ssim === undefined) throw new Error(`ffmpeg compared no frame of ${control} and ${candidate}`)
  return {
    likeness,
    steadiness: { control: likenessIn(stderr, 'control'), candidate: likenessIn(stderr, 'candidate') },
  }
}

/** What the filters of this name printed; one that saw no frame printed nothing. */
export function likenessIn(printed: string, name: string): Likeness {
  const figure = (filter: string, key: string) => {
    const line = new RegExp(`^\\[${filter}@${name} @ \\w+\\] .*\\b${key}:(\\S+)`, 'm').exec(printed)
    const value = line?.[1] === 'inf' ? MOST_PSNR_DB : Number(line?.[1])
    return Number.isFinite(value) ? Math.min(value, MOST_PSNR_DB) : null
  }
  const [ssim, psnr] = [figure('ssim', 'All'), figure('psnr', 'average')]
  return { ...(ssim === null ? {} : { ssim }), ...(psnr === null ? {} : { psnr }) }
}

function pads(arm: string, n: number): string {
  return Array.from({ length: n }, (_, i) => `[${arm}${i}]`).join('')
}

async function formOf(file: string): Promise<{ width: number; height: number; rate: string }> {
  const shown = ['-select_streams', 'v:0', '-show_entries', 'stream=width,height,avg_frame_rate', '-of', 'json']
  const { stdout } = await run('ffprobe', ['-v', 'error', ...GUARDED, ...shown, file], { timeout: TIMEOUT_MS })
  const { streams } = JSON.parse(stdout) as {
    streams: { width: number; height: number; avg_frame_rate: string }[]
  }
  const [video] = streams
  if (!video) throw new Error(`${file} has no picture`)
  return { width: video.width, height: video.height, rate: video.avg_frame_rate }
}
