/**
 * Simplified Chinese for what is said of a wrong key of the configuration, by the sentence that its validation gives.
 * What is not listed is shown as it came: the sentences are those of `config check`, in English.
 */
export const zhConfig: Readonly<Record<string, string>> = {
  'a table is needed here': '这里应是一张表',
  'unknown key: take it out or correct its spelling': '未知的键：请删除或改正拼写',
  'missing: this key is needed': '缺少这个键',
  'a duration is a string like "90s", "5m" or "7d"': '时长是字符串，例如 "90s"、"5m"、"7d"',
  'not a duration; write "90s", "5m", "7d"': '不是时长；请写成 "90s"、"5m"、"7d"',
  'a duration above 0 is needed': '时长必须大于 0',
  'a duration from 1s to 5m is needed': '时长应在 1s 到 5m 之间',
  'a time is an ISO 8601 string': '时间是 ISO 8601 字符串',
  'not an ISO 8601 time with zone': '不是带时区的 ISO 8601 时间',
  'from must be before to': 'from 必须早于 to',
  'give min, max or both': '请给出 min、max 或两者',
  'a string or a list of strings is needed': '应是字符串或字符串列表',
  'a list of at least one is needed': '列表至少要有一项',
  'error_rate, latency_p50, latency_p95, latency_p99 or signal:NAME':
    '应是 error_rate、latency_p50、latency_p95、latency_p99 或 signal:NAME',
  'a limit is missing: max or max_over_control for a rate or signal, max_over_control or max_seconds for a latency':
    '缺少上限：比率或信号用 max 或 max_over_control，时延用 max_over_control 或 max_seconds',
  'method = "sequential" takes error_rate with a max between 0 and 1, or latency_p99 with max_over_control':
    'method = "sequential" 只用于 max 在 0 与 1 之间的 error_rate，或带 max_over_control 的 latency_p99',
  'a percent above 0 up to 100, or { percent, bake, gate, approval }':
    '应是大于 0、至多 100 的百分比，或 { percent, bake, gate, approval }',
  'a ladder has at least one rung': '阶梯至少要有一级',
  'percents must grow from rung to rung': '各级的百分比必须递增',
  'name at least one attribute, such as claim, header or subject': '至少写明一个属性，例如 claim、header 或 subject',
  '`in` goes with claim or header': '`in` 要与 claim 或 header 一起使用',
  'give either arm or weight': '请给出 arm 或 weight 之一',
}
