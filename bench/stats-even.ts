/** p-values of equal arms: as even as those of a test that is right. */
import { sumsOf } from '../src/core/metric-sums.ts'
import { metricReport } from '../src/core/report/metric.ts'
import { fisherExact } from '../src/core/stats/fisher.ts'
import { kolmogorov } from '../src/core/stats/kolmogorov.ts'
import type { Share } from '../src/core/stats/proportions.ts'
import { type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { twoProportionZ } from '../src/core/stats/two-proportions.ts'
import { Population, RARE, SHAPES, Sums } from './stats-draws.ts'
import { type Part, percent, PLAN, planOf, type Sizes } from './stats-part.ts'

/** Candidate's percent. */
const SPLITS = [50, 5]

/**
 * Fixed tests of equal arms. A share's p-values lie on a lattice, as its counts do: for the comparison with even ones each
 * is spread over the step that it stands for (a randomised p-value), which is even exactly where the test is right.
 */
export function uniform({ runs, seed, isQuick }: Sizes): Part {
  const size = isQuick ? 400 : 4000
  const shapes = [...SHAPES, RARE]
  const cells = shapes.length * SPLITS.length
  const odd: string[] = []
  const rows = shapes.flatMap((shape, i) =>
    SPLITS.map((split, j) => {
      const random = seededRandom(seed * 1000 + 800 + 10 * i + j)
      const plan = planOf(shape)
      const population = new Population(shape)
      const [n1, n2] = [Math.round((size * (100 - split)) / 50), Math.round((size * split) / 50)]
      const p: number[] = []
      const spread: number[] = []
      for (let run = 0; run < runs; run++) {
        const sums = new Sums()
        population.addTo(sums, 'control', split === 50 ? n1 : 10 * n1, random)
        population.addTo(sums, 'candidate', split === 50 ? n2 : 10 * n2, random)
        const arms = sumsOf(sums, plan)
        const { test } = metricReport(plan, arms, arms, PLAN, null)
        p.push(test!.p_value)
        spread.push(shape.kind === 'proportion' ? spreadP(arms, test!.name, random) : test!.p_value)
      }
      const [plain, even] = [kolmogorov(p), kolmogorov(spread)]
      const below = p.filter((value) => value < 0.04).length
      const name = `${shape.name}, ${100 - split}:${split}`
      if (even.p_value < 0.01 / cells) odd.push(`${name}: ${even.distance.toFixed(4)}`)
      const p_value = even.p_value < 0.001 ? even.p_value.toExponential(0) : even.p_value.toFixed(3)
      return [
        shape.name,
        `${100 - split}:${split}`,
        plain.distance.toFixed(4),
        even.distance.toFixed(4),
        p_value,
        percent(below, runs),
      ]
    }),
  )
  return {
    head: ['metric', 'split', 'KS distance', 'randomised', 'its p', 'p below .04 %'],
    rows,
    verdicts: [
      {
        line: `A/A p-values are even (KS of ${runs} runs a cell, ${cells} cells at 1 % together)`,
        seen: odd.join('; ') || 'all',
        holds: odd.length === 0,
      },
    ],
  }
}

function spreadP(arms: ReturnType<typeof sumsOf>, name: string, random: Random): number {
  const share = ({ n, meanY }: { n: number; meanY: number }): Share => ({ n, x: Math.round(n * meanY) })
  const [control, candidate] = [share(arms.control), share(arms.candidate)]
  if (name === 'fisher_exact') return fisherExact(control, candidate) - random() * ofLikely(control, candidate)
  // With the total given, the candidate's count stands for half a step to either side.
  const by = random() - 0.5
  return twoProportionZ({ ...control, x: control.x - by }, { ...candidate, x: candidate.x + by }, 'two-sided').p_value
}

/** The chance of all tables that are just as likely as the one seen, the margins given. */
function ofLikely(control: Share, candidate: Share): number {
  const events = control.x + candidate.x
  const [low, high] = [Math.max(0, events - control.n), Math.min(events, candidate.n)]
  const chances = [1]
  for (let k = low; k < high; k++)
    chances.push((chances.at(-1)! * (candidate.n - k) * (events - k)) / ((k + 1) * (control.n - events + k + 1)))
  const seen = chances[candidate.x - low]!
  const all = chances.reduce((sum, chance) => sum + chance, 0)
  return chances.filter((chance) => Math.abs(chance / seen - 1) < 1e-7).reduce((sum, chance) => sum + chance, 0) / all
}
