/** The evaluator's own parts, without a gateway; what needs ffmpeg is skipped where it is not installed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fetchVideo, rowsOf, videoIn } from '../../examples/evaluator/gateway.ts'
import { likenessIn, measure } from '../../examples/evaluator/measure.ts'

const hasFfmpeg = ['ffmpeg', 'ffprobe'].every((name) => spawnSync(name, ['-version']).error === undefined)
if (!hasFfmpeg) console.log('ffmpeg is not installed (apt-get install ffmpeg): what needs it is skipped')

const folder = mkdtempSync(join(tmpdir(), 'evaluator-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe.runIf(hasFfmpeg)('two videos are measured', () => {
  const [control, candidate] = ['demo/control.mp4', 'demo/candidate.mp4'] as const

  /** The clip of control, changed by ffmpeg. */
  function changed(name: string, ...how: string[]): string {
    const file = join(folder, name)
    execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', control, ...how, file])
    return file
  }

  it('as like, and as unlike, as they are', async () => {
    const same = await measure(control, control)
    expect(same.likeness).toEqual({ ssim: 1, psnr: 100 })
    const { likeness } = await measure(control, candidate)
    expect(likeness).toEqual({ ssim: expect.closeTo(0.962, 3), psnr: expect.closeTo(24.31, 1) })
  })

  it('and a noisier one has the less steady frames', async () => {
    const noisy = changed('noisy.mp4', '-vf', 'noise=alls=40:allf=t')
    const { likeness, steadiness } = await measure(control, noisy)
    expect(likeness.ssim).toBeLessThan(0.95)
    expect(steadiness.candidate.ssim).toBeLessThan(steadiness.control.ssim! - 0.02)
    expect(steadiness.candidate.psnr).toBeLessThan(steadiness.control.psnr!)
  })

  it('in the size, rate and length of control', async () => {
    const other = changed('other.mkv', '-vf', 'scale=640:384', '-r', '24', '-t', '2')
    const { likeness, steadiness } = await measure(control, other)
    expect(likeness.ssim).toBeGreaterThan(0.97)
    expect(steadiness.candidate.ssim).toBeCloseTo(steadiness.control.ssim!, 2)
  })

  it('a single frame has nothing to be steady to', async () => {
    const still = changed('still.mp4', '-frames:v', '1')
    const { likeness, steadiness } = await measure(still, still)
    expect(likeness.ssim).toBe(1)
    expect(steadiness.candidate).toEqual({})
  })

  it('what is no video is refused, also a playlist that names other files', async () => {
    const playlist = join(folder, 'playlist.mp4')
    writeFileSync(playlist, `#EXTM3U\n#EXTINF:4,\n${join(process.cwd(), control)}\n#EXT-X-ENDLIST\n`)
    await expect(measure(control, playlist)).rejects.toThrow('Invalid data')
    const text = join(folder, 'text.mp4')
    writeFileSync(text, 'not found')
    await expect(measure(text, control)).rejects.toThrow('Invalid data')
  })
})

it('reads what ffmpeg printed of a filter, and nothing of another', () => {
  const printed = [
    '[psnr@likeness @ 0x55] PSNR y:inf u:inf v:inf average:inf min:inf max:inf',
    '[ssim@control @ 0x56] SSIM Y:0.99 (20.0) U:0.9 (10.0) V:nan (nan) All:0.981 (17.2)',
  ].join('\n')
  expect(likenessIn(printed, 'likeness')).toEqual({ psnr: 100 })
  expect(likenessIn(printed, 'control')).toEqual({ ssim: 0.981 })
  expect(likenessIn(printed, 'candidate')).toEqual({})
})

it('posts likeness about the candidate alone, and steadiness about both', () => {
  const both = { control: { ssim: 0.9 }, candidate: { ssim: 0.8 } }
  const rows = rowsOf('a', 'slc_1', { likeness: { psnr: 30 }, steadiness: both })
  expect(rows.map(({ arm, metric, value }) => [arm, metric, value])).toEqual([
    ['candidate', 'psnr', 30],
    ['control', 'temporal_ssim', 0.9],
    ['candidate', 'temporal_ssim', 0.8],
  ])
  expect(rows.every(({ release, job_id }) => release === 'a' && job_id === 'slc_1')).toBe(true)
})

it('finds the video that a backend names in JSON', () => {
  expect(
    videoIn({ status: 'ok', urls: { get: 'https://a.example/p/1' }, output: ['https://a.example/1.mp4?x=1'] }),
  ).toBe('https://a.example/1.mp4?x=1')
  expect(videoIn({ output: 'file:///etc/1.mp4', more: null })).toBeNull()
})

it('fetches a video, also one that its backend only names, and shows the token to that backend alone', async () => {
  const shown: (string | undefined)[] = []
  const servers = ['file', 'other'].map((name) =>
    createServer((request, response) => {
      shown.push(`${name} ${request.headers.authorization ?? '-'}`)
      const json = { output: [`${urls[request.url === '/here' ? 0 : 1]}/1.mp4`] }
      const isFile = request.url!.endsWith('.mp4')
      response.writeHead(request.url === '/gone' ? 404 : 200, {
        'content-type': isFile ? 'video/mp4' : 'application/json',
      })
      response.end(isFile ? `bytes of ${name}` : JSON.stringify(json))
    }),
  )
  await Promise.all(servers.map((server) => new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))))
  const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  try {
    const video = async (path: string) =>
      Buffer.from(await fetchVideo({ url: urls[0]! + path, status: 'succeeded' }, 'secret')).toString()
    expect(await video('/a.mp4')).toBe('bytes of file')
    expect(await video('/here')).toBe('bytes of file')
    expect(await video('/elsewhere')).toBe('bytes of other')
    expect(shown).toEqual([...Array(4).fill('file Bearer secret'), 'other -'])
    await expect(video('/gone')).rejects.toThrow('/gone answers 404')
  } finally {
    for (const server of servers) server.close()
  }
})
