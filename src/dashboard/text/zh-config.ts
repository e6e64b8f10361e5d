/** Simplified Chinese for what is wrong with a key, by the code of its detail. A code not known here is said in English. */
import type { Detail } from '../../api/index.ts'

type Words = string | ((params: Detail['params']) => string)

export function zhDetail({ code, params, message }: Detail): string {
  const words = Object.hasOwn(zhDetails, code) ? zhDetails[code]! : null
  if (words === null) return message
  const said = typeof words === 'string' ? words : words(params)
  return params['given'] === undefined ? said : `${said}（填写的是：${params['given']}）`
}

const UNITS: Readonly<Record<string, string>> = { character: ' 个字符', item: ' 项' }
const KINDS: Readonly<Record<string, string>> = {
  Object: '对象',
  Array: '列表',
  string: '字符串',
  number: '数字',
  boolean: ' true 或 false',
}

const unitOf = ({ unit }: Detail['params']) => UNITS[unit ?? ''] ?? ''

export const zhDetails: Readonly<Record<string, Words>> = {
  at_least: (params) => `至少 ${params['bound']}${unitOf(params)}`,
  at_most: (params) => `至多 ${params['bound']}${unitOf(params)}`,
  more_than: ({ bound }) => `应大于 ${bound}`,
  less_than: ({ bound }) => `应小于 ${bound}`,
  one_of: ({ choices }) => `应是其中之一：${choices}`,
  wrong_type: ({ wanted = '' }) => `应是${KINDS[wanted] ?? ` ${wanted}`}`,
  not_valid: '无效',
  not_table: '这里应是一张表',
  missing_key: '缺少这个键',
  unknown_key: '未知的键：请删除或改正拼写',
  too_deep: ({ levels }) => `嵌套超过 ${levels} 层`,
  not_live: ({ keys }) => `不能实时修改；可以实时修改的是：${keys}`,
  list_size: ({ least, most }) => `列表应有 ${least} 到 ${most} 项`,
  not_whole_days: '请写整天数，从 "1d" 到 "90d"',
  not_duration: '不是时长；请写成 "90s"、"5m"、"7d"',
  duration_zero: '时长必须大于 0',
  within_range: ({ from, to }) => `应在 ${from} 到 ${to} 之间`,
  not_time: '不是带时区的 ISO 8601 时间，或该日期、时刻不存在；例如 2026-12-24T10:00:00+01:00',
  period_backwards: 'from 必须早于 to',
  quantile_of_kind: 'kind = "quantile" 需要 quantile（如 0.95），其他 kind 不能带它',
  empty_range: '请给出 min、max 或两者',
  not_strings: '应是字符串或字符串列表',
  empty_list: '列表至少要有一项',
  not_metric: '应是 error_rate、refusal_rate、latency_p50、latency_p95、latency_p99 或 signal:NAME',
  limit_missing: ({ limits }) => `缺少上限，请至少设置其一：${limits}`,
  more_is_better: '这个信号越大越好：请用 max_over_control 限制它可以比对照组差多少，而不是 max',
  refusal_max: 'refusal_rate 的 max 应在 0 与 1 之间',
  sequential_max: 'method = "sequential" 用于 error_rate 时，max 应在 0 与 1 之间',
  sequential_over_control: 'method = "sequential" 用于 latency_p99 时，需要 max_over_control',
  not_by_windows: '这个指标不能按窗口判定',
  not_within: '这个指标不能按最近几秒判定：请去掉 within',
  not_sequential: '这个指标不能逐个作业判定：请去掉 method = "sequential"',
  not_rung: '应是大于 0、至多 100 的百分比，或 { percent, bake, gate, approval }',
  ladder_falls: '各级的百分比必须递增',
  no_attribute: '至少写明一个属性，例如 claim、header 或 subject',
  in_alone: '`in` 要与 claim 或 header 一起使用',
  arm_or_weight: '请给出 arm 或 weight 之一',
  weight_flips: 'weight 只能用于 claim 和 subject：用于其他属性时，同一用户会在两组之间切换',
  not_name: '名称为 1 到 100 个字符，不含空格、"/" 或 "|"',
}
