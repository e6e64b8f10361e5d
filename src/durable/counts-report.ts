/** What a tick asks of shards and ledgers, and what it is told of counts. */
import type { RecentQuestion } from '../core/guardrails/evaluation.ts'
import { addedRows, type WindowRow } from '../core/window.ts'

/** What a tick asks of each store: closed windows with `fromMs <= start < toMs`, and counts of the last seconds. */
export interface CountsRange {
  fromMs: number
  toMs: number
  recent?: RecentQuestion | null
  /** Where there is nothing to tell: the controller looks seldom from now on, and is to be called once there is. */
  callBack?: boolean
}

export interface CountsReport {
  windows: WindowRow[]
  recent: WindowRow[]
}

/** Whether nothing was counted in what was asked for. */
export function isEmpty({ windows, recent }: CountsReport): boolean {
  return windows.length === 0 && recent.length === 0
}

/** Rows of the same series and time as one. */
export function addReports(reports: readonly CountsReport[]): CountsReport {
  return {
    windows: addedRows(reports.flatMap(({ windows }) => windows)),
    recent: addedRows(reports.flatMap(({ recent }) => recent)),
  }
}
