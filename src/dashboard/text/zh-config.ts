/**
 * Simplified Chinese for what is said of a wrong key of the configuration, by the sentence that its validation gives.
 * What is not known here is shown as it came: the sentences are those of `config check`, in English.
 */

/** What begins the value behind a sentence; a bracket ends it. */
const GIVEN = ' (given: '

/** The sentence in Chinese; null where it is none of those known. What was given stays as it was. */
export function zhIssue(message: string): string | null {
  const at = message.endsWith(')') ? message.indexOf(GIVEN) : -1
  const sentence = at < 0 ? message : message.slice(0, at)
  const given = at < 0 ? undefined : message.slice(at + GIVEN.length, -1)
  const words = Object.hasOwn(zhSentences, sentence) ? zhSentences[sentence]! : zhRule(sentence)
  return words === null || given === undefined ? words : `${words}（填写的是：${given}）`
}

/** `missing: at least 1 is needed`, `one of a, b is needed, not "c"`: as issue-words.ts makes them. */
function zhRule(sentence: string): string | null {
  const [, missing, rule, given] =
    /^(missing: )?(.+?) (?:is|are) (?:needed|allowed)(?:, not (.+))?$/s.exec(sentence) ?? []
  const words = rule === undefined ? null : zhNeeded(rule)
  if (words === null) return null
  return `${missing ? '缺少这个键；' : ''}${words}${given === undefined ? '' : `，填写的是 ${given}`}`
}

/** `at least 1 item`, `one of a, b`, `a number`. */
function zhNeeded(rule: string): string | null {
  const [, bound, number, unit] =
    /^(at least|at most|more than|less than) (\S+)(?: (character|item)s?)?$/.exec(rule) ?? []
  if (bound !== undefined) return `${BOUNDS[bound]} ${number}${unit === undefined ? '' : UNITS[unit]}`
  const choice = /^one of (.+)$/.exec(rule)?.[1]
  if (choice !== undefined) return `应是其中之一：${choice}`
  return Object.hasOwn(KINDS, rule) ? `应是${KINDS[rule]}` : null
}

const BOUNDS: Record<string, string> = {
  'at least': '至少',
  'at most': '至多',
  'more than': '大于',
  'less than': '小于',
}
const UNITS: Record<string, string> = { character: ' 个字符', item: ' 项' }
const KINDS: Record<string, string> = {
  'an object': '对象',
  'a list': '列表',
  'a string': '字符串',
  'a number': '数字',
  'true or false': ' true 或 false',
}

export const zhSentences: Readonly<Record<string, string>> = {
  'a table is needed here': '这里应是一张表',
  'missing: this key is needed': '缺少这个键',
  'not a duration; write "90s", "5m", "7d"': '不是时长；请写成 "90s"、"5m"、"7d"',
  'a duration above 0 is needed': '时长必须大于 0',
  'a duration from 1s to 5m is needed': '时长应在 1s 到 5m 之间',
  'not an ISO 8601 time with zone, of a day and hour that exist, like 2026-12-24T10:00:00+01:00':
    '不是带时区的 ISO 8601 时间，或该日期、时刻不存在；例如 2026-12-24T10:00:00+01:00',
  'unknown key: take it out or correct its spelling': '未知的键：请删除或改正拼写',
  'from must be before to': 'from 必须早于 to',
  'give min, max or both': '请给出 min、max 或两者',
  'a string or a list of strings is needed': '应是字符串或字符串列表',
  'a list of at least one is needed': '列表至少要有一项',
  'error_rate, refusal_rate, latency_p50, latency_p95, latency_p99 or signal:NAME':
    '应是 error_rate、refusal_rate、latency_p50、latency_p95、latency_p99 或 signal:NAME',
  'a limit is missing: max or max_over_control': '缺少上限：max 或 max_over_control',
  'a limit is missing: max_over_control or max_seconds': '缺少上限：max_over_control 或 max_seconds',
  'method = "sequential" takes error_rate with a max between 0 and 1':
    'method = "sequential" 用于 error_rate 时，max 应在 0 与 1 之间',
  'refusal_rate takes a max between 0 and 1': 'refusal_rate 的 max 应在 0 与 1 之间',
  'method = "sequential" takes latency_p99 with max_over_control':
    'method = "sequential" 用于 latency_p99 时，要有 max_over_control',
  'this metric is not judged by windows': '这个指标不能按窗口判定',
  'this metric is not judged within some seconds: leave out "within"': '这个指标不能按最近几秒判定：请去掉 within',
  'this metric is not judged job by job: leave out method = "sequential"':
    '这个指标不能逐个作业判定：请去掉 method = "sequential"',
  'a percent above 0 up to 100, or { percent, bake, gate, approval }':
    '应是大于 0、至多 100 的百分比，或 { percent, bake, gate, approval }',
  'percents must grow from rung to rung': '各级的百分比必须递增',
  'name at least one attribute, such as claim, header or subject': '至少写明一个属性，例如 claim、header 或 subject',
  '`in` goes with claim or header': '`in` 要与 claim 或 header 一起使用',
  'give either arm or weight': '请给出 arm 或 weight 之一',
}
