/** What a report is made from: sums of all ledgers added up, signals and pairs, and what was kept of this split. Judges nothing. */
import { byArm } from '../../core/arm.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { SluiceError } from '../../core/errors.ts'
import type { Evidence } from '../../core/experiment.ts'
import { excludedDayRanges } from '../../core/report/readiness.ts'
import { type EpochPlace, latestSpan, type Span } from '../../core/report/span.ts'
import { spreadOf } from '../../core/stats/spread.ts'
import { merged, mergedPairs, type Moments, noMoments, noPairs } from '../../core/stats/moments.ts'
import type { SignalSum } from '../controller-rpc.ts'
import type { ExperimentSums, SplitCount } from '../experiment-rpc.ts'
import { within } from '../deadline.ts'
import { ledgersOf } from './gather.ts'
import type { ControllerParts } from './parts.ts'

/** For one call of a ledger that reads or adds up subjects. */
export const SUMS_DEADLINE_MS = 4000
/** Of a ledger that is counting anew, in one report. */
const MOST_CALLS = 40

/** Of the latest split; null while there has been none. */
export function spanOf({ store }: ControllerParts): Span | null {
  return latestSpan(placesOf(store))
}

/** Of that split; rejects with `control_plane_unavailable` while a ledger counts anew. */
export async function evidenceOf(parts: ControllerParts, config: ReleaseConfig, now: number): Promise<Evidence> {
  const { env, store, signals } = parts
  const places = placesOf(store)
  const span = latestSpan(places)
  const ledgers = ledgersOf(env, config)
  const question = {
    epochs: span?.epochs ?? [],
    metrics: config.metrics.map(({ name, kind, observeDays }) => ({ name, kind, observeDays })),
    strata: config.experiment.strata,
    excluded: excludedDayRanges(config.experiment),
    sinceMs: store.state.startedAt ?? 0,
  }
  const sums = await Promise.all(ledgers.map((ledger) => allCounted(() => ledger.experiment(question))))
  const { reading, selfCheck: checked, state } = store.stored
  const fixed = reading && span && reading.span === span.epochs[0] ? reading : null
  const first = places[0]?.epoch ?? 0
  // Since there are more ledgers, whoever was exposed before may be a first one in another of them again.
  const placedSince = state.ledgers.at(-1)?.fromEpoch ?? 0
  return {
    release: config.name,
    now,
    stage: state.stage,
    percent: span?.percent ?? null,
    sinceMs: span?.sinceMs ?? null,
    untilMs: span?.untilMs ?? null,
    splits: addedSplits(
      sums.flatMap(({ splits }) => splits).filter(({ epoch }) => epoch >= placedSince),
      places,
    ),
    crossed: sums.reduce((sum, { crossed }) => sum + crossed, 0),
    days: [...sums.flatMap(({ metrics }) => metrics), ...spreadRows(sums)],
    before: sums.flatMap(({ before }) => before),
    strata: sums.flatMap(({ strata }) => strata),
    gpuSeconds: secondsOf(sums),
    costPerGpuSecond: byArm((arm) => config.arms[arm].costPerGpuSecond),
    signals: addedSignals(signals.sums().filter(({ epoch }) => epoch >= first)),
    pairs: signals.pairs.sums(first),
    traits: addedTraits(sums),
    fixed,
    selfCheck: checked && span && checked.span === span.epochs[0] ? checked : null,
  }
}

/** Every epoch of the run, oldest first. */
function placesOf(store: ControllerParts['store']): EpochPlace[] {
  return store.places(store.state.startedAt ?? 0)
}

/** After a change of the metrics a ledger counts its subjects anew, a part of them with each call. */
async function allCounted(ask: () => Promise<ExperimentSums>): Promise<ExperimentSums> {
  let sums = await within(SUMS_DEADLINE_MS, ask())
  for (let calls = 1; sums.uncounted > 0 && calls < MOST_CALLS; calls++) sums = await within(SUMS_DEADLINE_MS, ask())
  if (sums.uncounted === 0) return sums
  const message = `the ledger is counting anew what subjects did; ${sums.uncounted} of them are left: ask again in a minute`
  throw new SluiceError('control_plane_unavailable', message)
}

function secondsOf(sums: readonly ExperimentSums[]): Evidence['gpuSeconds'] {
  const seconds = { control: noPairs(), candidate: noPairs() }
  for (const { arm, moments } of sums.flatMap((sum) => sum.gpuSeconds))
    seconds[arm] = mergedPairs(seconds[arm], moments)
  return seconds
}

/** Of all ledgers together, a row a bucket. */
function spreadRows(sums: readonly ExperimentSums[]): Evidence['days'] {
  const all = sums.flatMap(({ spreads }) => spreads)
  return [...Map.groupBy(all, ({ metric, arm, day }) => `${metric}|${arm}|${day}`).values()].flatMap((its) => {
    const { metric, arm, day } = its[0]!
    const rows = its.flatMap(({ buckets, counts }) => buckets.map((bucket, i) => [bucket, counts[i]!] as const))
    return spreadOf(rows).map(([bucket, n]) => ({ metric, arm, day, bucket, moments: { ...noPairs(), n } }))
  })
}

/** A subject is in one ledger since the last time that there were more of them, so that their counts add up. */
function addedSplits(counts: readonly SplitCount[], places: readonly EpochPlace[]): Evidence['splits'] {
  return [...Map.groupBy(counts, ({ epoch }) => epoch)].map(([epoch, its]) => {
    const place = places.find((each) => each.epoch === epoch)
    const total = (of: (count: SplitCount) => number) => its.reduce((sum, each) => sum + of(each), 0)
    return {
      epoch,
      stage: place?.stage ?? '',
      percent: place?.percent ?? 0,
      n: total(({ n }) => n),
      candidate: total(({ candidate }) => candidate),
      expected: total(({ expected }) => expected),
    }
  })
}

/** Over the epochs of the run: evaluators post what they measured of shadow pairs, too. */
function addedSignals(sums: readonly SignalSum[]): Evidence['signals'] {
  return [...Map.groupBy(sums, ({ metric, arm }) => `${metric}|${arm}`).values()].map((its) => {
    const { metric, arm } = its[0]!
    const newest = its.reduce((a, b) => (b.lastAtMs > a.lastAtMs ? b : a))
    const { n, mean, m2 } = its.reduce<Moments>(merged, noMoments())
    return { metric, arm, n, mean, m2, last: newest.last }
  })
}

function addedTraits(sums: readonly ExperimentSums[]): Evidence['traits'] {
  const all = sums.flatMap(({ traits }) => traits)
  return [...Map.groupBy(all, ({ trait, bucket }) => `${trait}|${bucket}`).values()].map((its) => ({
    trait: its[0]!.trait,
    bucket: its[0]!.bucket,
    ...byArm((arm) => its.reduce((sum, each) => sum + each[arm], 0)),
  }))
}
