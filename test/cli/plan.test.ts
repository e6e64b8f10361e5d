/** The commands that think ahead: plan against reference cases, simulate against its own claims. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import vectors from '../vectors/power.json' with { type: 'json' }
import { run } from './run.ts'

interface SizeCase {
  id: string
  method: string
  inputs: { p1: number; p2: number; alpha: number; power: number; ratio: number; alternative: string; formula: string }
  expected: { n1: number; n2: number; total: number }
}

const cases = (vectors as { method: string }[])
  .filter((row): row is SizeCase => row.method === 'sample_size_proportions')
  .filter(({ inputs }) => inputs.formula !== 'cohen_h' && inputs.ratio === 1)

describe('plan', () => {
  it('has reference cases to be checked against', () => {
    expect(cases.length).toBeGreaterThan(3)
  })

  it.each(cases.slice(0, 6))('asks for as many subjects as reference case $id', async ({ inputs, expected }) => {
    const { p1, p2, alpha, power, alternative, formula } = inputs
    const flags = [
      '--baseline',
      String(p1),
      `--mde=${(p2 - p1).toFixed(12)}`,
      '--absolute',
      '--daily',
      '10000',
      '--alpha',
      String(alpha),
      '--power',
      String(power),
      '--formula',
      formula.replace('normal_', ''),
      ...(alternative === 'two-sided' ? [] : ['--one-sided']),
    ]
    const { code, out } = await run(['plan', '--json', ...flags])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ control: expected.n1, candidate: expected.n2, total: expected.total })
  })

  it('plans whole weeks, and says what they can see', async () => {
    const { code, out } = await run(['plan', '--baseline', '67.2%', '--mde', '3%', '--daily', '2000', '--share', '50%'])
    expect(code).toBe(0)
    expect(out).toContain('To tell 69.22 % from 67.2 %')
    expect(out).toMatch(/control +8,\d{3} subjects/)
    expect(out).toMatch(/plan for +21 days, whole weeks/)
    expect(out).toMatch(/In 21 days a rise of 1\.\d+ points/)
  })

  it('plans by what the report tests with: four fifths of its alpha', async () => {
    const { out } = await run(['plan', '--baseline', '67.2%', '--mde', '8%', '--daily', '10000', '--json'])
    expect(JSON.parse(out)).toMatchObject({ alpha: 0.04, control: 1220, candidate: 1220 })
  })

  it('plans a guardrail metric by its margin, and a mean by its standard deviation', async () => {
    const guardrail = ['plan', '--baseline', '1.9%', '--margin', '25%', '--daily', '10000', '--json']
    expect(JSON.parse((await run(guardrail)).out)).toMatchObject({ control: 14_226, alternative: 'greater' })
    expect(JSON.parse((await run([...guardrail, '--alpha', '0.05'])).out)).toMatchObject({ control: 13_088 })
    const mean = await run(['plan', '--baseline', '14', '--sd', '20', '--mde', '10%', '--daily', '10000'])
    // (2.0537489 + 0.8416212)² · 2 · 20² / 1.4² = 3421.7
    expect(mean.out).toContain('To tell 15.4 from 14')
    expect(mean.out).toMatch(/control +3,422 subjects/)
    const both = await run(['plan', '--baseline', '14', '--mde', '10%', '--margin', '10%', '--daily', '100'])
    expect(both.code).toBe(2)
  })

  it('gives the smaller arm its size in an uneven split', async () => {
    const { out } = await run([
      'plan',
      '--baseline',
      '0.1',
      '--mde',
      '20%',
      '--daily',
      '10000',
      '--percent',
      '5',
      '--json',
    ])
    const { control, candidate } = JSON.parse(out) as { control: number; candidate: number }
    expect(Math.abs(candidate - control / 19)).toBeLessThanOrEqual(1)
  })

  it.each([
    ['--baseline', '0.9', '--mde', '20%', '--daily', '100'],
    ['--baseline', '1.2', '--mde', '20%', '--daily', '100'],
    ['--baseline', '0.5', '--mde', '0', '--daily', '100'],
    ['--baseline', '0.5', '--mde', '5%'],
    ['--baseline', '0.5', '--mde', '5%', '--daily', '0'],
    ['--baseline', '0.5', '--mde', '5%', '--daily', '100', '--percent', '100'],
  ])('ends with code 2 on what has no answer: %s', async (...flags) => {
    const { code, out } = await run(['plan', ...flags])
    expect([code, out]).toEqual([2, ''])
  })
})

describe('simulate', () => {
  const file = fileURLToPath(new URL('../../wrangler.toml', import.meta.url))
  const simulate = async (...flags: string[]) => {
    const { code, out } = await run([
      'simulate',
      '--file',
      file,
      '--percent',
      '20',
      '--releases',
      '10',
      '--json',
      ...flags,
    ])
    expect(code).toBe(0)
    return JSON.parse(out) as {
      catches: { percent: number; caught: number; median_seconds: number | null; by: Record<string, number> }[]
      false_alarms: { stopped: number; releases: number }
    }
  }

  it('catches a broken candidate within minutes, and leaves a healthy one alone', async () => {
    const { catches, false_alarms } = await simulate('--error-rate', '50%')
    expect(catches).toHaveLength(1)
    expect(catches[0]).toMatchObject({ percent: 20, caught: 1 })
    expect(catches[0]!.median_seconds).toBeLessThanOrEqual(300)
    expect(false_alarms.stopped).toBeLessThanOrEqual(1)
  })

  it('takes longer for a smaller fault, and catches none where there is none', async () => {
    const large = await simulate('--error-rate', '30%')
    const small = await simulate('--error-rate', '4%')
    const none = await simulate('--error-rate', '0.5%', '--watch', '2h')
    expect(small.catches[0]!.median_seconds!).toBeGreaterThan(large.catches[0]!.median_seconds!)
    expect(none.catches[0]!.caught).toBeLessThanOrEqual(0.05)
  })

  it('draws the same with the same seed', async () => {
    const few = ['--releases', '5', '--seed', '7']
    expect(await simulate(...few)).toEqual(await simulate(...few))
  })

  it('has a row for each rung of the ladder, in words', async () => {
    const { code, out } = await run(['simulate', '--file', file, '--releases', '2', '--watch', '1h'])
    expect(code).toBe(0)
    for (const percent of [1, 5, 20, 50, 100]) expect(out).toMatch(new RegExp(`^ *${percent} % +30 min`, 'm'))
    expect(out).toMatch(/stopped falsely in \d of 2 releases/)
  })

  it('ends with code 2 for a release that the file does not have', async () => {
    const { code, err } = await run(['simulate', '--file', file, '--release', 'nope'])
    expect([code, err]).toEqual([2, expect.stringContaining('--release wan22_t2v_abtest')])
  })
})
