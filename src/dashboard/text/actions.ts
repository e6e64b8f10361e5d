/** Actions: their buttons and toggles, and how each is confirmed. */
import { counted, say, strong } from '../format.ts'
import type { Choose } from './choose.ts'

export const actions = (pick: Choose) => ({
  toggles: {
    title: pick('Toggles', '开关'),
    note: pick('each asks for a reason', '每次都要写明原因'),
    shadow: (sample: string) => pick(`Shadow · ${sample}`, `影子 · ${sample}`),
    shadowLater: (sample: string) => pick(`Shadow · ${sample}, nothing now`, `影子 · ${sample}，现在不复制`),
    shadowNotCanary: (sample: string) =>
      pick(`Shadow · ${sample}, not in the canary`, `影子 · ${sample}，灰度期间不复制`),
    shadowPaused: (sample: string) =>
      pick(`Shadow · ${sample}, nothing while paused`, `影子 · ${sample}，暂停期间不复制`),
    shadowOff: pick('Shadow · off', '影子 · 关'),
    rate: pick('rate', '比例'),
    percent: (percent: string) => pick(`Candidate’s percent · ${percent}`, `候选比例 · ${percent}`),
    change: pick('change', '修改'),
    paused: pick('Paused', '暂停'),
    automatic: pick('Advance automatically', '自动推进'),
    edit: pick('edit', '编辑'),
    drift: (n: number) => pick(`Live differs from file: ${counted(n, 'key', 'keys')}`, `实时配置与文件不同：${n} 项`),
    show: pick('show', '查看'),
    on: pick('on', '开'),
    off: pick('off', '关'),
    switchOn: (what: string) => pick(`${what}: switch on, now`, `${what}：打开，现在为`),
    switchOff: (what: string) => pick(`${what}: switch off, now`, `${what}：关闭，现在为`),
  },
  action: {
    start: pick('Start', '开始'),
    advance: pick('Advance', '推进'),
    advanceTo: (place: string) => pick(`Advance to ${place}`, `推进到 ${place}`),
    pause: pick('Pause', '暂停'),
    resume: pick('Resume', '恢复'),
    rollback: pick('Roll back', '回滚'),
    reset: pick('Reset', '重置'),
    promote: pick('Promote', '全量发布'),
    set_percent: pick('Set the percent', '设定比例'),
    set_shadow: pick('Change shadow', '修改影子'),
    approve: pick('Approve', '批准'),
    auto_on: pick('Advance automatically', '改为自动推进'),
    auto_off: pick('Advance manually', '改为人工推进'),
    readEvidence: pick('Read the evidence', '查看依据'),
    more: '…',
    waitsFor: (what: string) => pick(`Waits for ${what}.`, `要等：${what}。`),
    nothingToRollBack: pick('Nothing to roll back: control serves everybody.', '没有可回滚的：全部流量由对照服务。'),
  },
  confirm: {
    effect: pick('What will change', '将发生的变化'),
    noEffect: pick('Nothing would change.', '不会有任何变化。'),
    byRequest: pick(
      'It becomes a change request, since this release requires a second person.',
      '此发布要求两人参与，因此会先成为变更申请。',
    ),
    reason: pick('Reason', '原因'),
    reasonHint: pick('Shown in the history, next to your name.', '会与你的名字一起记入历史。'),
    reasonDefault: { rollback: pick('manual rollback', '人工回滚') },
    cancel: pick('Cancel', '取消'),
    show: pick('Show the effect', '查看影响'),
    percent: pick('Percent of new submits to the candidate', '新提交分给候选的百分比'),
    sample: pick('Percent of control’s submits to copy', '复制对照提交的百分比'),
    stage: pick('Begin with', '从哪个阶段开始'),
    force: pick('Do it anyway (recorded as forced)', '仍然执行（会记为强制）'),
    waits: pick('It waits for', '还在等'),
    lookAgain: pick(
      'The value changed since its effect was shown. This is what it would do now.',
      '显示影响之后数值变了。现在的影响如下。',
    ),
    changedMeanwhile: pick(
      'The release changed since you opened this. Check the effect again, then confirm.',
      '打开之后发布的状态变了。请重新看过影响再确认。',
    ),
    reasonMissing: pick('A reason is needed.', '请写明原因。'),
    place: (from: string, to: string) => pick(say`${strong(`${from} → ${to}`)}`, say`${strong(`${from} → ${to}`)}`),
    submits: (n: string, isMore: boolean) =>
      pick(
        say`about ${strong(`${n} ${isMore ? 'more' : 'fewer'} submits a day`)} go to the candidate, by the traffic of the last half hour`,
        say`按最近半小时的流量，候选每天约${isMore ? '多' : '少'} ${strong(`${n} 次提交`)}`,
      ),
    copies: (from: string, to: string) =>
      pick(
        say`copies: ${strong(`${from} → ${to}`)} of control’s submits`,
        say`复制对照的提交：${strong(`${from} → ${to}`)}`,
      ),
    copiesMore: (n: string) =>
      pick(
        say`about ${strong(`${n} more copies a day`)} before the limits`,
        say`在上限之内，每天约多 ${strong(`${n} 个副本`)}`,
      ),
    copiesFewer: (n: string) =>
      pick(say`about ${strong(`${n} fewer copies a day`)}`, say`每天约少 ${strong(`${n} 个副本`)}`),
    canaryCopies: (on: boolean) =>
      pick(say`copies during the canary: ${strong(on ? 'on' : 'off')}`, say`灰度期间复制：${strong(on ? '开' : '关')}`),
    epoch: pick(say`counters, verdicts and the bake start over`, say`计数、判定与观察期重新开始`),
    rollback: pick(
      say`every new submit goes to control within 2 s; jobs already on the candidate are finished and served there`,
      say`2 秒内所有新提交都转到对照；已在候选上的作业会在那里完成并提供下载`,
    ),
    stays: pick(say`it stays rolled back until an operator resets it`, say`之后保持回滚状态，直到有人重置`),
    pause: pick(say`the split stays, guardrails still act, nothing advances`, say`分流不变，护栏仍然有效，不再推进`),
    pauseShadow: pick(say`no more copies are made, nothing advances`, say`不再复制，也不再推进`),
    resume: pick(say`it can advance again once nothing blocks it`, say`满足条件后会继续推进`),
    reset: pick(say`back to the beginning; the next start waits for the cool-down`, say`回到起点；重新开始要等冷却期`),
    promote: pick(
      say`the candidate serves everybody from now on; guardrails stay active`,
      say`所有人从此由候选服务；护栏仍然有效`,
    ),
    approve: (place: string) => pick(say`allows the step to ${strong(place)}`, say`允许推进到 ${strong(place)}`),
    autoOn: pick(
      say`the next step is taken automatically as soon as nothing blocks it`,
      say`满足条件后，下一步自动进行`,
    ),
    autoOff: pick(say`each step needs an operator`, say`每一步都需要操作员执行`),
    forced: pick(say`it skips what it waits for, and the history records that`, say`越过仍在等待的条件，并记入历史`),
  },
})
