/** The A/B report. */
import { counted, say, strong } from '../format.ts'
import type { Choose } from './choose.ts'

export const report = (pick: Choose) => ({
  report: {
    title: pick('Experiment', '实验'),
    decision: {
      continue: pick('continue', '继续'),
      advance: pick('advance', '推进'),
      hold: pick('hold', '保持'),
      rollback: pick('roll back', '回滚'),
    },
    headline: {
      srm_mismatch: pick('The split is broken. Do not trust any figure here.', '分流有误，以下数字均不可信。'),
      primary_worse: pick('Worse. Roll back.', '变差。应回滚。'),
      no_primary: pick('No primary metric is configured.', '没有配置主要指标。'),
      no_subjects: pick('Too early to read.', '尚不可下结论。'),
      days: pick('Too early to read.', '尚不可下结论。'),
      sample: pick('Too early to read.', '尚不可下结论。'),
      excluded_now: pick('Excluded time: no decision.', '当前为排除时段，不作决定。'),
      guardrail_worse: pick('Another metric got worse. Hold.', '其他指标变差。保持。'),
      guardrail_unproven: pick(
        'Other metrics are not yet shown to be no worse. Hold.',
        '尚未证明其他指标没有变差。保持。',
      ),
      cost_exceeded: pick('Better, but too expensive. Hold.', '更好，但成本过高。保持。'),
      cost_unproven: pick(
        'Better, but not yet shown to cost no more than allowed. Hold.',
        '更好，但尚未证明成本在上限之内。保持。',
      ),
      not_significant: pick('No effect was shown. Hold.', '未显示出效果。保持。'),
      primary_better: pick('Better, and no other metric got worse. Advance.', '更好，且其他指标没有变差。推进。'),
    },
    since: (percent: string, span: string) =>
      pick(`candidate at ${percent}, for ${span}`, `候选 ${percent}，已 ${span}`),
    never: pick('both arms have not had traffic yet', '两组尚未同时有流量'),
    reason: {
      srm_mismatch: (p: string) =>
        pick(
          say`The arms did not get the subjects assigned to them (p ${strong(p)}).`,
          say`两组的用户数与应分配的不符（p ${strong(p)}）。`,
        ),
      primary_worse: (m: string, lift: string) =>
        pick(say`${m} changed by ${strong(lift)}, for the worse.`, say`${m} 变化 ${strong(lift)}，变差。`),
      primary_better: (m: string, lift: string) =>
        pick(say`${m} changed by ${strong(lift)}, for the better.`, say`${m} 变化 ${strong(lift)}，变好。`),
      not_significant: (m: string, lift: string) =>
        pick(say`${m} changed by ${strong(lift)}: that may be chance.`, say`${m} 变化 ${strong(lift)}:可能出于偶然。`),
      guardrail_worse: (m: string, lift: string) =>
        pick(
          say`${m} changed by ${strong(lift)}: more than its margin, for the worse.`,
          say`${m} 变化 ${strong(lift)}:变差且超出容许幅度。`,
        ),
      guardrail_unproven: (m: string, lift: string) =>
        pick(
          say`${m} changed by ${strong(lift)}: not yet shown to be within its margin.`,
          say`${m} 变化 ${strong(lift)}:尚未证明在容许幅度之内。`,
        ),
      no_primary: pick(
        say`Give one of the metrics role = "primary", and the report decides by it.`,
        say`将某个指标设为 role = "primary",报告便据此决定。`,
      ),
      no_subjects: pick(say`Too few subjects have been exposed to both arms.`, say`同时接触两组的用户太少。`),
      days: (n: string, of: string) =>
        pick(say`${strong(`${n} of ${of}`)} whole days have passed.`, say`已过 ${strong(`${n} / ${of}`)} 个整天。`),
      weeks: pick(
        say`The test is read after whole weeks, so that each weekday counts the same.`,
        say`检验只在满整周时读取，使每个星期几的权重相同。`,
      ),
      sample: pick(say`The planned number of subjects is not reached.`, say`尚未达到计划的用户数。`),
      thin: pick(say`Too few subjects have a value of a mean or ratio.`, say`均值或比率指标有数值的用户太少。`),
      excluded_now: (why: string) =>
        pick(say`This is an excluded time: ${strong(why)}.`, say`当前为排除时段：${strong(why)}。`),
      cost_exceeded: (more: string, limit: string) =>
        pick(
          say`A finished video costs ${strong(`${more} more`)}; the limit is ${limit}. Make the candidate cheaper, or raise max_cost_increase.`,
          say`每个完成的视频成本高出 ${strong(more)}，上限为 ${limit}。请降低候选成本，或提高 max_cost_increase。`,
        ),
      cost_unproven: (change: string, limit: string) =>
        pick(
          say`The cost of a finished video changed by ${strong(change)}: not yet shown to be within the limit of ${limit}.`,
          say`每个完成视频的成本变化 ${strong(change)}：尚未证明在上限 ${limit} 之内。`,
        ),
    },
    needed: {
      days: (n: string) => pick(say`Still needed: ${strong(n)} days.`, say`还需 ${strong(n)} 天。`),
      units: (control: string, candidate: string, days: string | null, areVideos: boolean) =>
        pick(
          say`Still needed, if the figures stay as they are: ${strong(control)} ${areVideos ? 'finished videos' : 'subjects'} on control and ${strong(candidate)} on the candidate${days === null ? '' : `, about ${days} days`}.`,
          say`若数字保持不变，还需对照 ${strong(control)} 个、候选 ${strong(candidate)} 个${areVideos ? '完成的视频' : '用户'}${days === null ? '' : `，约 ${days} 天`}。`,
        ),
    },
    noLift: pick('an unknown amount', '未知幅度'),
    to: (low: string, high: string) => pick(`${low} to ${high}`, `${low} 至 ${high}`),
    effect: pick('Effect on each metric', '对各指标的影响'),
    effectNote: pick(
      'relative, 95 % interval; the dashed line is the limit that a metric must not cross',
      '相对变化，95 % 区间；虚线为指标不得越过的界限',
    ),
    lift: pick('lift', '变化'),
    evidence: pick('evidence', '依据'),
    interval: pick('interval', '区间'),
    noMetrics: pick(
      'No metric is configured. Add [[vars.RELEASE_….metrics]] and post events.',
      '没有配置指标。请添加 [[vars.RELEASE_….metrics]] 并上报事件。',
    ),
    role: {
      primary: pick('primary', '主要'),
      secondary: pick('secondary', '次要'),
      guardrail: pick('guardrail', '护栏'),
    },
    margin: {
      non_inferior: pick('non-inferior', '不劣于对照'),
      not_shown: pick('not shown', '尚未证明'),
      worse: pick('worse', '变差'),
    },
    preview: pick('preview', '预览'),
    anytime: (p: string) => pick(`any time: p ${p}`, `随时可读：p ${p}`),
    p: (p: string) => `p ${p}`,
    cost: pick('Cost of a finished video', '每个完成视频的成本'),
    costRole: pick('cost', '成本'),
    costLimit: (limit: string) => pick(`limit ${limit}`, `上限 ${limit}`),
    tradeOff: pick('Effect against cost', '效果与成本'),
    tradeOffNote: pick(
      'filled: both 95 % intervals, for one look; outlined: may be read at any time',
      '填充：两个 95 % 区间，只读一次；边框：随时可读',
    ),
    goodField: pick('better, and within the limit', '更好，且在上限之内'),
    axis: { better: pick('↑ better', '↑ 更好'), dearer: pick('more expensive →', '更贵 →') },
    shown: {
      better: pick('shown to be better', '已显示变好'),
      worse: pick('shown to be worse', '已显示变差'),
      open: pick('no effect shown', '未显示出效果'),
    },
    costShown: {
      within: pick('within the limit', '在上限之内'),
      cost_exceeded: pick('above the limit', '超出上限'),
      unproven: pick('not yet shown to be within', '尚未证明在上限之内'),
    },
    sofar: (metric: string) => pick(`${metric} so far`, `${metric} 至今`),
    sofarNote: pick('by day of first exposure; the band may be read at any time', '按首次接触日期；色带随时可读'),
    hypothesis: (lift: string) => pick(`hypothesis ${lift}`, `假设 ${lift}`),
    readable: pick('Ready to read?', '现在可以下结论吗?'),
    days: (n: number, of: number) => pick(`${n} of ${of} whole days`, `${n} / ${of} 个整天`),
    planned: (n: string, of: string) =>
      pick(`${n} of ${of} planned subjects measured`, `已测量 ${n} / ${of} 个计划用户`),
    unplanned: (n: string, isPlanned: boolean) =>
      pick(
        `${n} subjects measured; ${isPlanned ? 'not yet known how many are needed' : 'none planned: no primary metric has an mde'}`,
        `已测量 ${n} 个用户；${isPlanned ? '尚不知需要多少' : '主要指标没有 mde，未作计划'}`,
      ),
    srm: (n: string, p: string, isBroken: boolean) =>
      pick(
        `split of ${n} exposed subjects ${isBroken ? 'not ' : ''}as assigned: p ${p} (SRM)`,
        `${n} 个接触用户的分流${isBroken ? '不' : ''}符合配置：p ${p}（SRM）`,
      ),
    crossed: (n: number) =>
      pick(`${counted(n, 'subject', 'subjects')} saw both arms: left out`, `${n} 个用户见过两组：已剔除`),
    immature: (metric: string, n: string, days: number) =>
      pick(
        `${metric}: ${n} subjects not yet observed for ${counted(days, 'day', 'days')}, left out`,
        `${metric}：${n} 个用户观察未满 ${days} 天，暂不计入`,
      ),
    noneExcluded: pick('no excluded time now', '当前不是排除时段'),
    readAt: (at: string) => pick(`fixed tests read once, ${at}`, `固定检验只读一次：${at}`),
    yes: pick('yes', '是'),
    no: pick('no', '否'),
    measured: pick('Who was measured', '测量了哪些用户'),
    measuredNote: pick('share of all traffic / of the candidate’s, %', '占全部流量 / 占候选流量，%'),
    noneMeasured: pick('Nobody yet.', '尚无。'),
    trait: {
      region: pick('Region', '地区'),
      prompt: pick('Prompt length', '提示词长度'),
      duration: pick('Duration', '时长'),
      visitor: pick('User type', '用户类型'),
    },
    bucket: {
      known: pick('signed in', '已登录'),
      anonymous: pick('anonymous', '匿名'),
      short: pick('short', '短'),
      medium: pick('medium', '中'),
      long: pick('long', '长'),
      unknown: '?',
    },
    status: { alike: pick('alike', '一致'), differs: pick('differs', '有差异'), unknown: pick('unknown', '未知') },
    signals: pick('Quality and resources', '质量与资源'),
    signalsNote: pick('means of what evaluators posted', '评测上报的均值'),
    noSignals: pick('Nothing was posted yet.', '尚未上报。'),
    beside: pick('Estimated otherwise', '其他估计'),
    besideNote: pick('beside the lift above; decides nothing', '与上面的提升并列；不影响决策'),
    byHistory: (metric: string) =>
      pick(`${metric}, less what values from before explain (CUPED)`, `${metric}，扣除此前数值可解释的部分（CUPED）`),
    byStrata: (metric: string) => pick(`${metric}, with the mix of all subjects`, `${metric}，按全体用户构成加权`),
    strata: (n: string) => pick(`${n} strata`, `${n} 层`),
    variance: (share: string) => pick(`variance ${share}`, `方差 ${share}`),
    unbalanced: pick('the arms differed before anybody was exposed: not adjusted', '两组在接触之前就有差异：不作调整'),
    fewKnown: pick('too few subjects with values from before', '有此前数值的用户太少'),
    selfCheck: (metric: string) => pick(`${metric}, control against itself`, `${metric}，对照自检`),
    selfChecked: (splits: string, alarms: string, expected: string, ks: string) =>
      pick(
        `${alarms} false alarms in ${splits} splits, up to ${expected} expected · p-values ${ks} from even`,
        `${splits} 次拆分中误报 ${alarms} 次，预期至多 ${expected} · p 值偏离均匀 ${ks}`,
      ),
    tooMany: pick('too many', '过多'),
    pairs: pick('Shadow pairs', '影子配对'),
    pairsNote: pick(
      'candidate − control of the same prompt; may be read at any time',
      '同一提示词下候选减对照；随时可读',
    ),
    pair: {
      better: pick('better', '变好'),
      worse: pick('worse', '变差'),
      alike: pick('alike', '一致'),
      open: pick('open', '未定'),
      n: (n: string) => pick(`${n} pairs`, `${n} 对`),
      needed: (n: string) => pick(`${n} more needed`, `还需 ${n} 对`),
    },
  },
})
