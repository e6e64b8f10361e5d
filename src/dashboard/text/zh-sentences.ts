/** Simplified Chinese: the headline, its paragraph, and what a step waits for. */
import { say, strong } from '../format.ts'
import type { enSentences } from './en-sentences.ts'

export const zhSentences: typeof enSentences = {
  title: {
    idle: '未开始。',
    shadow: (sample) => `影子阶段，复制 ${sample}。`,
    shadowOff: '影子阶段，但没有复制。',
    canary: (percent) => `灰度 ${percent}。`,
    completed: '已完成。',
    rolledBack: (from, how) => `${how === 'self' ? '已自动' : '已人工'}${from === null ? '' : `从 ${from} `}回滚。`,
  },
  health: {
    healthy: { word: '健康', title: '健康。' },
    watch: { word: '有坏窗口', title: '有坏窗口，尚未越限。' },
    waiting: { word: '数据不足', title: '数据还不够。' },
    both_bad: { word: '两臂皆坏', title: '两臂皆坏，保持不动。' },
    breach: { word: '越限', title: '护栏越限。' },
    unmeasured: { word: '无法测量', title: '护栏无法测量。' },
    stale: { word: '过期', title: '护栏没有在判定。' },
    quiet: { word: '静止', title: '' },
    done: { word: '已完成', title: '' },
    rolled_back: { word: '已回滚', title: '' },
  },
  paused: '已暂停。',
  sentence: {
    idle: (control) =>
      say`所有人由 ${strong(control)} 服务。从影子阶段开始：候选会收到真实提交的副本，没有人会看到它的视频。`,
    shadowFor: say`没有人由候选服务。`,
    completed: (candidate) => say`所有人由 ${strong(candidate)} 服务。护栏仍然有效：回滚会让所有人回到对照。`,
    next: (place) => say`下一步是 ${strong(place)}`,
    last: say`最后一步是 ${strong('转正')}`,
    earliest: (span) => say`，最早 ${strong(span)}后`,
    bakeUnstarted: say`，观察期从第一个候选作业结束时开始`,
    alsoWaits: (list) => say`。还要等：${list}。`,
    waits: (list) => say`。要等：${list}。`,
    ready: say`。没有任何阻碍。`,
    end: '。',
    and: '、',
    comma: '、',
    automatic: '届时自动进行。',
    byHand: '需人工进行。',
    paused: say`分流不变，护栏仍然有效，但在恢复之前不会推进。`,
    breach: (name, value, limit) => say`${strong(name)}为 ${strong(value)}，${limit}。`,
    bothBad: say`对照也有同样的越限，并非候选独有，因此不回滚。`,
    streak: (name, bad, needed) => say`${strong(name)}连续坏窗口 ${strong(`${bad}/${needed}`)}。`,
    stale: (span) => say`${strong(span)}前应进行的检查没有发生：下面的数据已经过期，也不会自动回滚。`,
    breached: (name, value, limit, control, bad, needed) =>
      say`候选的${name}为 ${strong(value)}（${limit}${control === null ? '' : `，对照 ${control}`}）${
        needed > 1 ? say`，连续坏窗口 ${strong(`${bad}/${needed}`)}` : ''
      }。`,
    because: (reason) => say`原因：“${reason}”。`,
    decided: (clock) => `决定于 ${clock}`,
    misrouted: (span) => `，最后一次误路由的提交在其后 ${span}`,
    failed: (jobs, subjects) =>
      say`${strong(`${jobs.toLocaleString('en-US')} 个作业`)}失败，${strong(`${subjects.toLocaleString('en-US')} 个用户`)}接触过候选`,
    rescued: (jobs) => `，${jobs} 个作业获救`,
    gpu: (span) => `；损失 ${span}的 GPU 时间`,
    draining: (jobs, oldest) =>
      say`还有 ${strong(`${jobs.toLocaleString('en-US')} 个作业`)}在候选上收尾，最早的已有 ${oldest}。`,
    drained: '候选上已没有作业。',
  },
  wait: {
    bake: (left, of) => (of === null ? `观察期还剩 ${left}` : `观察期 ${of}，还剩 ${left}`),
    bakeUnstarted: '观察期：从第一个候选作业结束时开始',
    minJobs: (missing, finished, needed) =>
      say`${strong(`再有 ${missing.toLocaleString('en-US')} 个候选作业`)}（${finished.toLocaleString('en-US')}/${needed.toLocaleString('en-US')}）`,
    guardrails: (n) => say`${strong(`${n} 项护栏`)}通过`,
    guardrail: (name, status) => say`${name}：${status}`,
    gate: say`${strong('实验的结论')}`,
    approval: say`${strong('批准')}`,
    freeze: (until) => say`${strong('冻结期')}结束${until === '' ? '' : `（还有 ${until}）`}`,
    paused: say`有人${strong('恢复')}`,
    cooldown: (left) => say`冷却期还剩 ${left}`,
    notStarted: say`操作员开始发布`,
    rolledBack: say`操作员重置，并说明原因`,
    draining: (jobs) => say`${jobs.toLocaleString('en-US')} 个作业在候选上收尾（重新开始不必等待）`,
    done: {
      bake: '观察期已过',
      minJobs: (finished) => `已结束 ${finished.toLocaleString('en-US')} 个候选作业`,
      guardrails: '所有护栏通过，数据充足',
      approval: '已批准',
      gate: '实验建议推进',
      freeze: '不在冻结期',
      drained: '候选上已没有作业',
    },
    titleNext: '下一步还在等什么',
    titlePromote: '转正还在等什么',
    titleStart: '开始还在等什么',
    titleNewStart: '重新开始还在等什么',
    nothing: '没有',
  },
}
