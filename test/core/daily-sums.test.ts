import { describe, expect, it } from 'vitest'
import { dailyCsv, dailyNdjson, dailySums } from '../../src/core/daily-sums.ts'
import { buildReport } from '../../src/core/report/index.ts'
import { counts, evidence, PLAN, PLAY, share } from './experiment-fixtures.ts'

const text = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10)

describe('daily sums', () => {
  it('are plain sums of y, x and their products, over all buckets of a day', () => {
    // Subjects (y, x): (2, 1), (4, 3) in one bucket and (10, 5) in another.
    const pair = { n: 2, meanY: 3, meanX: 2, m2Y: 2, m2X: 2, cxy: 2 }
    const row = { metric: 'spend', arm: 'control' as const, day: 20_000 }
    const days = [
      { ...row, bucket: 1, moments: pair },
      { ...row, bucket: 5, moments: { n: 1, meanY: 10, meanX: 5, m2Y: 0, m2X: 0, cxy: 0 } },
    ]
    expect(dailySums({ days, now: 0 }, [], text)).toEqual([
      {
        day: '2024-10-04',
        metric: 'spend',
        arm: 'control',
        mature: true,
        subjects: 3,
        sum_y: 16,
        sum_yy: expect.closeTo(4 + 16 + 100, 9),
        sum_x: 9,
        sum_xx: expect.closeTo(1 + 9 + 25, 9),
        sum_xy: expect.closeTo(2 + 12 + 50, 9),
      },
    ])
  })

  it('come to what the report reads', () => {
    const days = [0, 1].flatMap((day) => counts('play', share(2700, 4000), share(2900, 4000), day)).toReversed()
    const rows = dailySums({ days, now: 0 }, [], text)
    expect(rows.map(({ day, arm }) => `${day} ${arm}`)).toEqual([
      '2026-11-02 control',
      '2026-11-02 candidate',
      '2026-11-03 control',
      '2026-11-03 candidate',
    ])
    const [play] = buildReport(evidence({ days }), [PLAY], PLAN).metrics
    for (const arm of ['control', 'candidate'] as const) {
      const own = rows.filter((row) => row.arm === arm)
      const n = own.reduce((sum, { subjects }) => sum + subjects, 0)
      expect(n).toBe(play![arm].n)
      expect(own.reduce((sum, { sum_y }) => sum + sum_y!, 0) / n).toBeCloseTo(play![arm].estimate!, 12)
    }
  })

  it('mark the days that the report leaves out', () => {
    const days = [0, 1].flatMap((day) => counts('play', share(2700, 4000), share(2900, 4000), day))
    const now = evidence().sinceMs! + 3 * 86_400_000
    const rows = dailySums({ days, now }, [{ ...PLAY, observeDays: 2 }], text)
    expect(rows.map(({ day, mature }) => `${day} ${mature}`)).toEqual([
      '2026-11-02 true',
      '2026-11-02 true',
      '2026-11-03 false',
      '2026-11-03 false',
    ])
  })

  it('are written so that any reader gets the same rows back', () => {
    const odd = { n: 1, meanY: 1e200, meanX: 1, m2Y: 0, m2X: 0, cxy: 0 }
    const sums = dailySums(
      { days: [{ metric: 'a,"b"', arm: 'candidate', day: 20_000, bucket: 1, moments: odd }], now: 0 },
      [],
      text,
    )
    const rows = sums.map((row) => ({ release: 'r1', ...row }))
    expect(dailyCsv(rows)).toBe(
      'release,day,metric,arm,mature,subjects,sum_y,sum_yy,sum_x,sum_xx,sum_xy\r\nr1,2024-10-04,"a,""b""",candidate,true,1,1e+200,,1,1,1e+200\r\n',
    )
    const lines = dailyNdjson(rows).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(rows)
    expect(rows[0]?.sum_yy).toBeNull()
    expect(dailyNdjson([])).toBe('')
  })
})
