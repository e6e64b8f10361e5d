/**
 * What the dashboard asks of the control plane. The control plane implements it once per request,
 * for a caller that it has authenticated; the dashboard holds no state and does no I/O of its own.
 *
 * The control plane mounts `createDashboard(portOf)` at `/_sluice`. Before authentication it lets
 * `GET /_sluice/assets/*` through (`assetResponse`) and serves `loginPage` itself. Pages are read
 * by GET; changes come as urlencoded form posts to `/_sluice/releases/{name}/…`, behind the same
 * Origin check as the API.
 */
import type {
  ActionCommand,
  ConfigView,
  CounterRow,
  HistoryEntry,
  JobFilter,
  JobView,
  Page,
  PairView,
  ReleasesView,
  ReleaseView,
  Role,
} from '../api/index.ts'
import type { ChangeDetail, ChangeEdit, ChangeView, Proposal, VersionView } from '../api/changes.ts'
import type { ReportView } from '../api/experiment.ts'

export type { Page }

/** Where a release stood when the data plane beside this control plane last heard of it. */
export interface LastKnown {
  release: string
  state: ReleaseView['state']
  stage: string
  percent: number
  ageSeconds: number
}

export type ChangeActName = 'approve' | 'comment' | 'rebase' | 'publish' | 'discard'

/** What goes with each change of the live configuration. */
export interface LiveChange {
  reason: string
  /** `ConfigView.version` that the caller has seen; null: any. */
  ifMatch: number | null
  /** By one person, although the release asks for two. */
  breakGlass: boolean
}

/** Throws SluiceErrors: what a page can't show is shown by the mount, by `problemPage`. */
export interface DashboardPort {
  /** Shown at the top right: `production`, `staging`. */
  environment: string
  actor: { who: string; role: Role }
  /** Now, in unix ms: ages and progress are drawn from it. */
  nowMs: number
  /** Releases that something is known of without asking anybody; for when nobody answers. */
  lastKnown(): LastKnown[]
  releases(): Promise<ReleasesView>
  release(name: string): Promise<ReleaseView>
  /** Newest first. */
  history(name: string, cursor: string | null): Promise<Page<HistoryEntry>>
  /** Rows of windows with `fromMs <= start < toMs`, merged into steps of at least `stepMs`. */
  counters(name: string, range: { fromMs: number; toMs: number; stepMs: number }): Promise<CounterRow[]>
  report(name: string): Promise<ReportView>
  jobs(name: string, filter: JobFilter, cursor: string | null): Promise<Page<JobView>>
  pairs(name: string, cursor: string | null): Promise<Page<PairView>>
  config(name: string): Promise<ConfigView>
  /** `ifMatch` is the version the caller saw; with `dry_run` the state as it would be. Roles are checked here too. */
  act(name: string, command: ActionCommand, ifMatch: number | null): Promise<ReleaseView>
  /** The configuration as a patch would make it, validated, nothing changed. */
  checkConfig(name: string, patch: Record<string, unknown>, ifMatch: number | null): Promise<ConfigView>
  /** A merge patch of the live overlay: `null` takes a key back to the file. */
  patchConfig(name: string, patch: Record<string, unknown>, change: LiveChange): Promise<ConfigView>
  /** Change requests, newest first. */
  changes(name: string): Promise<ChangeView[]>
  change(name: string, id: number): Promise<ChangeDetail>
  propose(name: string, proposal: Proposal): Promise<ChangeDetail>
  editChange(name: string, id: number, edit: ChangeEdit): Promise<ChangeDetail>
  /** `revision` is the one that the caller saw; `breakGlass` goes with `publish` alone. */
  actOnChange(
    name: string,
    id: number,
    given: { act: ChangeActName; revision: number; comment: string; breakGlass: boolean },
  ): Promise<ChangeDetail>
  /** Published overlays below version `before`, newest first. */
  versions(name: string, before: number | null): Promise<Page<VersionView>>
  restore(name: string, version: number, change: LiveChange): Promise<ConfigView>
}
