/** Units, names, and what stands beside figures. */

/** A verdict's parts in words, of which a language without sentences of its own in the API makes one. */
interface VerdictParts {
  name: string
  candidate: string
  control: string
  limit: string
  streak: string
  status: string
  /** The candidate's errors by class, most first; none where there are none. Without data, the ends that say nothing. */
  ends: { name: string; n: string }[]
  /** Nobody saw how jobs ended. */
  isUnseen: boolean
}
import type { Choose } from './choose.ts'

export const words = (pick: Choose) => ({
  lang: pick('en', 'zh'),
  other: { lang: pick('zh', 'en'), name: pick('中文', 'English') },
  unit: {
    percent: (n: string) => pick(`${n}\u00a0%`, `${n}%`),
    ms: (n: string) => pick(`${n}\u00a0ms`, `${n}\u00a0毫秒`),
    s: (n: string) => pick(`${n}\u00a0s`, `${n}\u00a0秒`),
    min: (n: string) => pick(`${n}\u00a0min`, `${n}\u00a0分钟`),
    h: (n: string) => pick(`${n}\u00a0h`, `${n}\u00a0小时`),
    d: (n: string) => pick(`${n}\u00a0d`, `${n}\u00a0天`),
  },
  time: {
    justNow: pick('just now', '刚刚'),
    ago: (span: string) => pick(`${span} ago`, `${span}前`),
    now: pick('now', '现在'),
  },
  stage: {
    idle: pick('not started', '未开始'),
    shadow: pick('shadow', '影子'),
    completed: pick('done', '完成'),
    rolled_back: pick('rolled back', '已回滚'),
  },
  system: {
    guardrail: pick('the guardrails', '护栏'),
    auto: pick('the timer', '定时器'),
    config: pick('a deploy', '部署'),
    webhook: pick('a webhook', 'Webhook'),
    decision: pick('the experiment', '实验'),
    experiment: pick('the experiment', '实验'),
    ledger: pick('the job ledger', '作业账本'),
  },
  arm: { control: pick('control', '对照'), candidate: pick('candidate', '候选') },
  nav: {
    overview: pick('Overview', '概览'),
    skip: pick('Skip to the content', '跳到正文'),
    main: pick('Main', '主导航'),
  },
  ladder: {
    title: pick('Ladder', '阶梯'),
    setActual: (set: string, actual: string | null) =>
      pick(
        actual === null ? `set ${set}, no traffic yet` : `set ${set}, actual ${actual}`,
        actual === null ? `设定 ${set}，尚无流量` : `设定 ${set}，实际 ${actual}`,
      ),
    nobodyNew: pick('no new submits to the candidate', '候选不再接收新请求'),
    gate: 'A/B',
    approval: pick('approval', '需批准'),
    present: pick('present stage', '当前阶段'),
    passed: pick('passed', '已通过'),
    skipped: pick('skipped', '已跳过'),
    ahead: pick('ahead', '未到'),
    failed: pick('rolled back here', '在此回滚'),
    progress: (percent: string) => pick(`bake ${percent} done`, `观察期已过 ${percent}`),
    split: pick('Split of new submits', '新提交的分流'),
  },
  guardrails: {
    title: pick('Guardrails', '护栏'),
    note: pick('candidate against control, in the same windows', '同一时间窗内，候选对比对照'),
    noteShadow: pick(
      'candidate’s shadow jobs against control, in the same windows',
      '同一时间窗内，候选的影子作业对比对照',
    ),
    tripsAt: pick('trips at', '触发条件'),
    streak: pick('bad windows in a row', '连续异常窗口'),
    verdict: pick('verdict', '判定'),
    none: pick(
      'Nothing evaluated in this epoch yet. Guardrails are evaluated once the release runs and a window has closed.',
      '本轮尚未判定。发布运行并有一个时间窗结束后，护栏才会开始判定。',
    ),
    status: {
      pass: pick('pass', '通过'),
      breach: pick('breach', '越限'),
      inconclusive: pick('inconclusive', '尚无定论'),
      no_data: pick('no data', '无数据'),
      error: pick('not measured', '无法测量'),
    },
    bothBad: pick('both bad', '两组均异常'),
    graceOver: pick('no data for too long', '无数据过久'),
    ended: (name: string, n: string) => pick(`${n} ${name}`, `${name} ${n}`),
    of: (n: string) => pick(`of ${n}`, `共 ${n}`),
    operation: {
      submit: pick('Submit', '提交'),
      job: pick('Job', '作业'),
      poll: pick('Poll', '轮询'),
      content: pick('Content', '下载'),
      cancel: pick('Cancel', '取消'),
      list: pick('List', '列表'),
      sync: pick('Sync', '同步提交'),
      other: pick('Request', '请求'),
    },
    errorRate: (operation: string) => pick(`${operation} error rate`, `${operation}错误率`),
    refusalRate: (operation: string) => pick(`${operation} refusal rate`, `${operation}拒绝率`),
    time: (operation: string, quantile: string) =>
      pick(`${operation} time ${quantile}`, `${operation}耗时 ${quantile}`),
    how: {
      fast_trip: pick('fast trip', '快速触发'),
      per_clip: pick('per clip', '按标准片段'),
      job_by_job: pick('job by job', '逐个判定'),
    },
    limit: (value: string) => `> ${value}`,
    limitWords: (value: string) => pick(`limit ${value}`, `上限 ${value}`),
    inWindows: (n: number) => pick(n > 1 ? ` in ${n} windows` : '', n > 1 ? `，连续 ${n} 个窗口` : ''),
    inSpan: (span: string) => pick(` in ${span}`, `，${span}内`),
    alpha: (alpha: string) => pick(`, α ${alpha}`, `，α ${alpha}`),
    bracket: (words: string) => pick(` (${words})`, `（${words}）`),
    sentence: pick(
      (message: string, _parts: VerdictParts): string => message,
      (_message, { name, candidate, control, limit, streak, status, ends, isUnseen }) => {
        const classes = ends.map(({ name: kind, n }) => `${kind} ${n}`).join('、')
        const parts = [
          `候选 ${candidate}${classes === '' ? '' : `：${classes}`}`,
          `对照 ${control}`,
          limit === '' ? '' : `触发条件 ${limit}`,
          streak,
          isUnseen ? 'Sluice 未能看到的不会导致回滚，请检查候选是否应答轮询' : '',
        ]
        return `${name}：${status}。${parts.filter(Boolean).join('；')}。`
      },
    ),
    inARow: (bad: number, needed: number) =>
      pick(`${bad} of ${needed} bad windows in a row`, `连续异常窗口 ${bad}/${needed}`),
    variant: (name: string, how: string) => pick(`${name}, ${how}`, `${name}（${how}）`),
    does: { rollback: pick('rolls back', '回滚'), pause: pick('pauses', '暂停'), warn: pick('warns', '告警') },
    evidence: pick('How these were evaluated', '判定依据'),
    windows: (from: string, to: string) => pick(`${from} to ${to}`, `${from} 至 ${to}`),
  },
  charts: {
    title: pick('Charts', '图表'),
    requests: (operation: string) => pick(`${operation}s a minute`, `每分钟${operation}数`),
    queue: (quantile: string) => pick(`Time in queue ${quantile}`, `排队时间 ${quantile}`),
    figures: pick('Figures', '数据'),
    time: pick('time (UTC)', '时间（UTC）'),
    ranges: {
      '5m': pick('5 min', '5 分钟'),
      '30m': pick('30 min', '30 分钟'),
      '3h': pick('3 h', '3 小时'),
      '24h': pick('24 h', '24 小时'),
    },
    empty: pick('No traffic in this span.', '此时段没有流量。'),
    drift: (arm: string, n: string) =>
      pick(
        `Contract drift: ${arm} refused ${n} requests of a kind that the other arm takes. See their 4xx answers.`,
        `契约偏离：${arm}拒绝了 ${n} 个另一组会接受的请求。请查看其 4xx 应答。`,
      ),
    unavailable: pick('These figures are unavailable right now.', '暂时读不到这些数据。'),
    range: pick('Span', '时段'),
    operationChoice: pick('Operation', '操作'),
    quantileChoice: pick('Percentile', '分位数'),
  },
  shadow: {
    title: pick('Shadow', '影子'),
    on: (sample: string) => pick(`copies ${sample} of control’s submits`, `复制对照 ${sample} 的提交`),
    off: pick('nothing is copied', '不复制'),
    copies: pick('Copies', '副本'),
    allRuns: pick('of all runs', '历次发布合计'),
    inFlight: pick('in flight', '进行中'),
    today: pick('copies today', '今日副本'),
    of: (max: string) => pick(`of ${max}`, `/ ${max}`),
    funnel: {
      eligible: pick('eligible', '符合条件'),
      sampled: pick('sampled', '抽中'),
      admitted: pick('admitted', '获准'),
      submitted: pick('submitted', '已提交'),
      finished: pick('finished', '已结束'),
      scored: pick('scored', '已评分'),
    },
    dropped: pick('Dropped', '丢弃'),
    droppedNone: pick('No copy was lost.', '没有副本丢失。'),
    pairs: pick('Latest pairs', '最近的配对'),
    pairsUnavailable: pick('The pairs are unavailable right now.', '暂时读不到配对。'),
    pairsNone: pick(
      'No pair yet: a pair is one submit’s job on control and its copy on the candidate.',
      '尚无配对：一次提交在对照上的作业与它在候选上的副本构成一对。',
    ),
    allPairs: pick('As JSON', 'JSON 格式'),
    reason: {
      max_in_flight: pick('too many in flight', '进行中的过多'),
      max_jobs_per_day: pick('daily limit reached', '达到每日上限'),
      body_too_large: pick('body too large', '请求体过大'),
      refers_to_job: pick('refers to another job', '引用了另一个作业'),
      isolate_memory: pick('too many bodies at once', '同时的请求体过多'),
      copy_failed: pick('copy failed', '复制失败'),
      lease_expired: pick('lost with a gateway', '随网关实例丢失'),
      job_timeout: pick('job timed out', '作业超时'),
      not_observed: pick('not observed in time', '未能及时观测'),
      rolled_back: pick('rolled back meanwhile', '期间已回滚'),
      submit_unanswered: pick('candidate did not answer', '候选没有应答'),
      submit_unreachable: pick('candidate unreachable', '候选不可达'),
      submit_timeout: pick('submit timed out', '提交超时'),
      submit_http_5xx: pick('candidate failed', '候选出错'),
      submit_saturated: pick('candidate saturated', '候选饱和'),
      submit_client_error: pick('refused by the candidate', '被候选拒绝'),
    },
  },
  roles: {
    viewer: pick('viewer', '查看者'),
    tester: pick('tester', '测试者'),
    operator: pick('operator', '操作员'),
    admin: pick('admin', '管理员'),
  },
})
