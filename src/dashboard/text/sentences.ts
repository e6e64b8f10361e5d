/** The headline, its paragraph, and what a step waits for. */
import { counted, group, type Part, say, strong } from '../format.ts'
import type { Choose } from './choose.ts'

export const sentences = (pick: Choose) => ({
  title: {
    idle: pick('Not started.', '未开始。'),
    shadow: (sample: string) => pick(`Shadow, ${sample} copied.`, `影子阶段，复制 ${sample}。`),
    shadowOff: pick('Shadow, but nothing is copied.', '影子阶段，但没有复制。'),
    canary: (percent: string) => pick(`Canary at ${percent}.`, `灰度 ${percent}。`),
    completed: pick('Completed.', '已完成。'),
    rolledBack: (from: string | null, by: 'gateway' | 'operator' | null) =>
      pick(
        `Rolled back${from === null ? '' : ` from ${from}`}${by === null ? '' : by === 'gateway' ? ', automatically' : ', by an operator'}.`,
        `${by === null ? '已' : by === 'gateway' ? '已自动' : '已由操作员'}${from === null ? '' : `从 ${from} `}回滚。`,
      ),
  },
  health: {
    healthy: { word: pick('healthy', '健康'), title: pick('Healthy.', '健康。') },
    watch: {
      word: pick('bad windows', '有异常窗口'),
      title: pick('Bad windows, not yet a breach.', '有异常窗口，尚未越限。'),
    },
    waiting: { word: pick('too little data', '数据不足'), title: pick('Too little data yet.', '数据还不够。') },
    both_bad: {
      word: pick('both arms bad', '两组均异常'),
      title: pick('Both arms are bad; held.', '两组均异常，保持不动。'),
    },
    breach: { word: pick('breach', '越限'), title: pick('A guardrail is breached.', '护栏越限。') },
    unmeasured: {
      word: pick('not measured', '无法测量'),
      title: pick('Guardrails could not be measured.', '护栏无法测量。'),
    },
    stale: { word: pick('stale', '过期'), title: pick('Guardrails are not being evaluated.', '护栏没有在判定。') },
    quiet: { word: pick('not started', '未开始'), title: '' },
    done: { word: pick('completed', '已完成'), title: '' },
    rolled_back: { word: pick('rolled back', '已回滚'), title: '' },
  },
  paused: pick('Paused.', '已暂停。'),
  /** Between two sentences. */
  gap: pick(' ', ''),
  sentence: {
    idle: (control: string) =>
      pick(
        say`Everybody is served by ${strong(control)}. Start in shadow: the candidate then gets copies of real submits, and nobody sees its videos.`,
        say`全部流量由 ${strong(control)} 服务。从影子阶段开始：候选会收到真实提交的副本，没有人会看到它的视频。`,
      ),
    shadowFor: pick(say`Nobody is served by the candidate. `, say`没有人由候选服务。`),
    completed: (candidate: string) =>
      pick(
        say`Everybody is served by ${strong(candidate)}. Guardrails are still active: a rollback takes everybody back to control.`,
        say`全部流量由 ${strong(candidate)} 服务。护栏仍然有效：回滚会让所有人回到对照。`,
      ),
    next: (place: string) => pick(say`Next step is ${strong(place)}`, say`下一步是 ${strong(place)}`),
    last: pick(say`The last step is ${strong('promote')}`, say`最后一步是 ${strong('全量发布')}`),
    earliest: (span: string) => pick(say`, in ${strong(span)} at the earliest`, say`，最早 ${strong(span)}后`),
    bakeUnstarted: pick(
      say`; its clock starts with the first finished candidate job`,
      say`，观察期从第一个候选作业结束时开始`,
    ),
    alsoWaits: (list: Part[]) => pick(say`. It also waits for ${list}.`, say`。还要等：${list}。`),
    waits: (list: Part[]) => pick(say`. It waits for ${list}.`, say`。要等：${list}。`),
    ready: pick(say`. Nothing is in its way.`, say`。条件均已满足。`),
    end: pick('.', '。'),
    and: pick(' and ', '、'),
    comma: pick(', ', '、'),
    advances: pick(' Advances automatically.', '届时自动推进。'),
    promotes: pick(' Promotes automatically.', '届时自动全量发布。'),
    operator: {
      start: pick(' Needs an operator.', '需要操作员执行。'),
      reset: pick(' Needs an operator.', '需要操作员执行。'),
      advance: pick(' Needs an operator.', '需要操作员执行。'),
      promote: pick(' Needs an operator.', '需要操作员执行。'),
      approve: pick(' Advances automatically once an operator has approved it.', '操作员批准后自动推进。'),
      resume: pick(' Needs an operator to resume it.', '需要操作员恢复。'),
      none: '',
    },
    ladderEnds: (percent: string) =>
      pick(
        say`There is no next step: the ladder ends at ${strong(percent)}, and only 100 % can be promoted.`,
        say`没有下一步：阶梯止于 ${strong(percent)}，只有 100% 才能全量发布。`,
      ),
    paused: pick(
      say`The split stays and guardrails still act, but nothing advances. `,
      say`分流不变，护栏仍然有效，但不会推进。`,
    ),
    breach: (name: string, value: string, limit: string) =>
      pick(say`${strong(name)} is ${strong(value)}, ${limit}. `, say`${strong(name)}为 ${strong(value)}，${limit}。`),
    bothBad: pick(
      say`Control shows the same breach, so it is not the candidate’s alone and nothing is rolled back. `,
      say`对照也有同样的越限，并非候选独有，因此不回滚。`,
    ),
    streak: (name: string, bad: number, needed: number) =>
      pick(
        say`${strong(name)} was bad in ${strong(`${bad} of ${needed}`)} windows in a row. `,
        say`${strong(name)}连续异常窗口 ${strong(`${bad}/${needed}`)}。`,
      ),
    stale: (span: string) =>
      pick(
        say`The check that was due ${strong(span)} ago has not happened: figures below are old and nothing is rolled back automatically. `,
        say`${strong(span)}前应进行的检查没有发生：下面的数据已经过期，也不会自动回滚。`,
      ),
    breached: (name: string, value: string, limit: string, control: string | null, bad: number, needed: number) =>
      pick(
        say`${name} of the candidate was ${strong(value)} (${limit}${control === null ? '' : `, control ${control}`})${
          needed > 1 ? say` in ${strong(`${bad} of ${needed} windows`)}` : ''
        }. `,
        say`候选的${name}为 ${strong(value)}（${limit}${control === null ? '' : `，对照 ${control}`}）${
          needed > 1 ? say`，连续异常窗口 ${strong(`${bad}/${needed}`)}` : ''
        }。`,
      ),
    because: (reason: string) => pick(say`Reason: “${reason}”. `, say`原因：“${reason}”。`),
    decided: (clock: string) => pick(`Decided ${clock}`, `决定于 ${clock}`),
    misrouted: (span: string) => pick(`, last misrouted submit ${span} later`, `，最后一次误路由的提交在其后 ${span}`),
    failed: (jobs: number, subjects: number) =>
      pick(
        say`${strong(counted(jobs, 'job', 'jobs'))} failed, ${strong(counted(subjects, 'subject', 'subjects'))} were exposed to the candidate`,
        say`${strong(`${group(jobs)} 个作业`)}失败，${strong(`${group(subjects)} 个用户`)}接触过候选`,
      ),
    rescued: (jobs: number) =>
      pick(`, ${jobs} ${jobs === 1 ? 'job was' : 'jobs were'} rescued`, `，${jobs} 个作业已补救`),
    gpu: (span: string) =>
      pick(`; ${span} of GPU time on failed jobs and copies`, `；失败任务和副本共用去 ${span}的 GPU 时间`),
    draining: (jobs: number, oldest: string) =>
      pick(
        say`${strong(counted(jobs, 'job', 'jobs'))} still ${jobs === 1 ? 'finishes' : 'finish'} on the candidate, the oldest is ${oldest} old.`,
        say`还有 ${strong(`${group(jobs)} 个作业`)}在候选上收尾，最早的已有 ${oldest}。`,
      ),
    drained: pick('No job is left on the candidate.', '候选上已没有作业。'),
  },
  /** What a step waits for, short enough for a list and for the sentence. */
  wait: {
    bake: (left: string, of: string | null) =>
      pick(
        of === null ? `bake: ${left} left` : `bake: ${left} of ${of} left`,
        of === null ? `观察期还剩 ${left}` : `观察期 ${of}，还剩 ${left}`,
      ),
    bakeUnstarted: pick('bake: starts with the first finished candidate job', '观察期：从第一个候选作业结束时开始'),
    minJobs: (missing: number, finished: number, needed: number) =>
      pick(
        say`${strong(counted(missing, 'more candidate job', 'more candidate jobs'))} (${group(finished)} of ${group(needed)})`,
        say`${strong(`再有 ${group(missing)} 个候选作业`)}（${group(finished)}/${group(needed)}）`,
      ),
    guardrails: (n: number) =>
      pick(say`${strong(counted(n, 'guardrail', 'guardrails'))} to pass`, say`${strong(`${n} 项护栏`)}通过`),
    guardrail: (name: string, status: string) => pick(`${name}: ${status}`, `${name}：${status}`),
    times: (guardrail: string, n: number) =>
      n > 1 ? pick(`${guardrail} (${n} guardrails)`, `${guardrail}（${n} 项护栏）`) : guardrail,
    gate: pick(say`the ${strong('experiment’s decision')}`, say`${strong('实验的结论')}`),
    approval: pick(say`an ${strong('approval')}`, say`${strong('批准')}`),
    freeze: (until: string) =>
      pick(
        say`the ${strong('freeze')} to end${until === '' ? '' : `, in ${until}`}`,
        say`${strong('冻结期')}结束${until === '' ? '' : `（还有 ${until}）`}`,
      ),
    paused: pick(say`someone to ${strong('resume')} it`, say`有人${strong('恢复')}`),
    cooldown: (left: string) => pick(say`cool-down: ${left} left`, say`冷却期还剩 ${left}`),
    notStarted: pick(say`a start by an operator`, say`操作员开始发布`),
    rolledBack: pick(say`a reset by an operator`, say`操作员重置`),
    thenCooldown: pick(say`the cool-down, which begins with the reset`, say`冷却期（从重置时开始）`),
    draining: (jobs: number) =>
      pick(
        say`${counted(jobs, 'job', 'jobs')} to finish on the candidate (a start need not wait)`,
        say`${group(jobs)} 个作业在候选上收尾（重新开始不必等待）`,
      ),
    done: {
      bake: pick('bake over', '观察期已过'),
      min_jobs: (finished: number) =>
        pick(`${group(finished)} candidate jobs finished`, `已结束 ${group(finished)} 个候选作业`),
      guardrails: pick('all guardrails pass, with enough data', '所有护栏通过，数据充足'),
      approval: pick('approved', '已批准'),
      gate: pick('the experiment says advance', '实验建议推进'),
      freeze: pick('no freeze', '不在冻结期'),
      drained: pick('no job left on the candidate', '候选上已没有作业'),
    },
    titleNext: pick('What the next step waits for', '下一步还在等什么'),
    titlePromote: pick('What promoting waits for', '全量发布还在等什么'),
    titleStart: pick('What a start waits for', '开始还在等什么'),
    titleNewStart: pick('What a new start waits for', '重新开始还在等什么'),
    nothing: pick('nothing', '没有'),
  },
})
