/** The A/B report as Markdown, for a ticket: what was decided, why, what would change it, and the figures. */
import type { ReportView } from '../api/experiment.ts'
import { exact, plain } from './format.ts'
import {
  checks,
  besideWords,
  effectWords,
  liftWords,
  neededWords,
  pairWords,
  reasonWords,
  reportHeadline,
  signalWords,
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

function figures(report: ReportView, t: Text): string[] {
  const head = ['', t.arm.control, t.arm.candidate, t.report.lift, t.report.evidence]
  const rows = effectWords(report, t).map(({ name, role, control, candidate, lift, evidence }) => [
    role === null ? name : `${name} (${role})`,
    control,
    candidate,
    liftWords(lift, t),
    evidence,
  ])
  const row = (cells: string[]) => `| ${cells.map(literal).join(' | ')} |`
  const table = [row(head), '| --- | ---: | ---: | --- | --- |', ...rows.map(row)]
  if (report.metrics.length > 0) return table
  return rows.length === 0 ? [t.report.noMetrics] : [t.report.noMetrics, '', ...table]
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
