/** The A/B report as Markdown, for a ticket: what was decided, why, what would change it, and the figures. */
import type { ReportView } from '../api/experiment.ts'
import { exact, plain, significant } from './format.ts'
import {
  checks,
  besideWords,
  estimateWords,
  evidenceWords,
  liftWords,
  neededWords,
  pairWords,
  reasonWords,
  reportHeadline,
  roleWords,
  signalWords,
  signed,
  sinceWords,
} from './report-words.ts'
import type { Text } from './text/index.ts'

/** `page`: the report's own address, for who wants to see more. */
export function reportMarkdown(report: ReportView, t: Text, page: string): string {
  const { decision, reasons } = report.decision
  const lines = [
    `## ${literal(report.release)}: ${literal(reportHeadline(report, t))}`,
    '',
    `**${t.report.decision[decision]}** · ${literal(sinceWords(report, t))} · ${exact(report.at)} · [${t.report.title}](<${page}>)`,
    '',
    ...reasons.map((reason) =>
      `- ${literal(plain(reasonWords(reason, report, t)))} ${literal(plain(neededWords(reason, t)))}`.trimEnd(),
    ),
    '',
    ...figures(report, t),
    ...listed(t.report.signals, t.report.signalsNote, signalWords(report)),
    '',
    `**${t.report.readable}**`,
    '',
    ...checks(report, t).map(({ ok, words }) => `- [${ok ? 'x' : ' '}] ${literal(words)}`),
    ...listed(t.report.beside, t.report.besideNote, besideWords(report, t)),
    ...listed(
      t.report.pairs,
      t.report.pairsNote,
      report.pairs.map((pair) => ({ name: pair.metric, words: pairWords(pair, t) })),
    ),
  ]
  return `${lines.join('\n')}\n`
}

function figures({ metrics, cost }: ReportView, t: Text): string[] {
  const head = ['', t.arm.control, t.arm.candidate, t.report.lift, t.report.evidence]
  const rows = metrics.map((metric) => [
    `${metric.metric} (${roleWords(metric, t)})`,
    estimateWords(metric.control.estimate, metric.kind, t),
    estimateWords(metric.candidate.estimate, metric.kind, t),
    liftWords(metric.relative, t),
    evidenceWords(metric, t),
  ])
  if (cost.status !== 'not_measured')
    rows.push([
      t.report.cost,
      significant(cost.control ?? NaN),
      significant(cost.candidate ?? NaN),
      liftWords(cost.relative, t),
      t.report.costLimit(signed(cost.limit, t)),
    ])
  const row = (cells: string[]) => `| ${cells.map(literal).join(' | ')} |`
  return rows.length === 0 ? [t.report.noMetrics] : [row(head), '| --- | ---: | ---: | --- | --- |', ...rows.map(row)]
}

function listed(title: string, note: string, items: { name: string; words: string }[]): string[] {
  if (items.length === 0) return []
  return [
    '',
    `**${literal(title)}** (${literal(note)})`,
    '',
    ...items.map(({ name, words }) => `- ${literal(`${name}: ${words}`)}`),
  ]
}

/** Names and texts of a configuration are no markup, wherever the ticket is shown. */
function literal(text: string): string {
  return text.replaceAll(/[\r\n]+/gu, ' ').replaceAll(/[\\`*_[\]<>|#~&@]/gu, (sign) => `\\${sign}`)
}
