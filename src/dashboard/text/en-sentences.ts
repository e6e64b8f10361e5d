/** English: the headline, its paragraph, and what a step waits for. */
import { type Part, say, strong } from '../format.ts'
import { counted } from './counted.ts'

export const enSentences = {
  title: {
    idle: 'Not started.',
    shadow: (sample: string) => `Shadow, ${sample} copied.`,
    shadowOff: 'Shadow, but nothing is copied.',
    canary: (percent: string) => `Canary at ${percent}.`,
    completed: 'Completed.',
    rolledBack: (from: string | null, by: 'gateway' | 'operator' | null) =>
      `Rolled back${from === null ? '' : ` from ${from}`}${by === null ? '' : by === 'gateway' ? ', automatically' : ', by an operator'}.`,
  },
  health: {
    healthy: { word: 'healthy', title: 'Healthy.' },
    watch: { word: 'bad windows', title: 'Bad windows, not yet a breach.' },
    waiting: { word: 'too little data', title: 'Too little data yet.' },
    both_bad: { word: 'both arms bad', title: 'Both arms are bad; held.' },
    breach: { word: 'breach', title: 'A guardrail is breached.' },
    unmeasured: { word: 'not measured', title: 'Guardrails could not be measured.' },
    stale: { word: 'stale', title: 'Guardrails are not being evaluated.' },
    quiet: { word: 'not started', title: '' },
    done: { word: 'completed', title: '' },
    rolled_back: { word: 'rolled back', title: '' },
  },
  paused: 'Paused.',
  /** Between two sentences. */
  gap: ' ',
  sentence: {
    idle: (control: string): Part[] =>
      say`Everybody is served by ${strong(control)}. Start in shadow: the candidate then gets copies of real submits, and nobody sees its videos.`,
    shadowFor: say`Nobody is served by the candidate. `,
    completed: (candidate: string): Part[] =>
      say`Everybody is served by ${strong(candidate)}. Guardrails are still active: a rollback takes everybody back to control.`,
    next: (place: string): Part[] => say`Next step is ${strong(place)}`,
    last: say`The last step is ${strong('promote')}`,
    earliest: (span: string): Part[] => say`, in ${strong(span)} at the earliest`,
    bakeUnstarted: say`; its clock starts with the first finished candidate job`,
    alsoWaits: (list: Part[]): Part[] => say`. It also waits for ${list}.`,
    waits: (list: Part[]): Part[] => say`. It waits for ${list}.`,
    ready: say`. Nothing is in its way.`,
    end: '.',
    and: ' and ',
    comma: ', ',
    advances: ' Advances automatically.',
    promotes: ' Promotes automatically.',
    operator: {
      start: ' Needs an operator.',
      reset: ' Needs an operator.',
      advance: ' Needs an operator.',
      promote: ' Needs an operator.',
      approve: ' Advances automatically once an operator has approved it.',
      resume: ' Needs an operator to resume it.',
      none: '',
    },
    ladderEnds: (percent: string): Part[] =>
      say`There is no next step: the ladder ends at ${strong(percent)}, and only 100 % can be promoted.`,
    paused: say`The split stays and guardrails still act, but nothing advances. `,
    breach: (name: string, value: string, limit: string): Part[] =>
      say`${strong(name)} is ${strong(value)}, ${limit}. `,
    bothBad: say`Control shows the same breach, so it is not the candidate’s alone and nothing is rolled back. `,
    streak: (name: string, bad: number, needed: number): Part[] =>
      say`${strong(name)} was bad in ${strong(`${bad} of ${needed}`)} windows in a row. `,
    stale: (span: string): Part[] =>
      say`The check that was due ${strong(span)} ago has not happened: figures below are old and nothing is rolled back automatically. `,
    breached: (
      name: string,
      value: string,
      limit: string,
      control: string | null,
      bad: number,
      needed: number,
    ): Part[] =>
      say`${name} of the candidate was ${strong(value)} (${limit}${control === null ? '' : `, control ${control}`})${
        needed > 1 ? say` in ${strong(`${bad} of ${needed} windows`)}` : ''
      }. `,
    because: (reason: string): Part[] => say`Reason: “${reason}”. `,
    decided: (clock: string): string => `Decided ${clock}`,
    misrouted: (span: string): string => `, last misrouted submit ${span} later`,
    failed: (jobs: number, subjects: number): Part[] =>
      say`${strong(counted(jobs, 'job', 'jobs'))} failed, ${strong(counted(subjects, 'subject', 'subjects'))} were exposed to the candidate`,
    rescued: (jobs: number): string => `, ${jobs} ${jobs === 1 ? 'job was' : 'jobs were'} rescued`,
    gpu: (span: string): string => `; ${span} of GPU time on failed jobs and copies`,
    draining: (jobs: number, oldest: string): Part[] =>
      say`${strong(counted(jobs, 'job', 'jobs'))} still ${jobs === 1 ? 'finishes' : 'finish'} on the candidate, the oldest is ${oldest} old.`,
    drained: 'No job is left on the candidate.',
  },
  /** What a step waits for, short enough for a list and for the sentence. */
  wait: {
    bake: (left: string, of: string | null) => (of === null ? `bake: ${left} left` : `bake: ${left} of ${of} left`),
    bakeUnstarted: 'bake: starts with the first finished candidate job',
    minJobs: (missing: number, finished: number, needed: number): Part[] =>
      say`${strong(counted(missing, 'more candidate job', 'more candidate jobs'))} (${finished.toLocaleString('en-US')} of ${needed.toLocaleString('en-US')})`,
    guardrails: (n: number): Part[] => say`${strong(counted(n, 'guardrail', 'guardrails'))} to pass`,
    guardrail: (name: string, status: string) => `${name}: ${status}`,
    times: (guardrail: string, n: number) => (n > 1 ? `${guardrail} (${n} guardrails)` : guardrail),
    gate: say`the ${strong('experiment’s decision')}`,
    approval: say`an ${strong('approval')}`,
    freeze: (until: string): Part[] => say`the ${strong('freeze')} to end${until === '' ? '' : `, in ${until}`}`,
    paused: say`someone to ${strong('resume')} it`,
    cooldown: (left: string): Part[] => say`cool-down: ${left} left`,
    notStarted: say`a start by an operator`,
    rolledBack: say`a reset by an operator`,
    thenCooldown: say`the cool-down, which begins with the reset`,
    draining: (jobs: number): Part[] =>
      say`${counted(jobs, 'job', 'jobs')} to finish on the candidate (a start need not wait)`,
    done: {
      bake: 'bake over',
      min_jobs: (finished: number) => `${finished.toLocaleString('en-US')} candidate jobs finished`,
      guardrails: 'all guardrails pass, with enough data',
      approval: 'approved',
      gate: 'the experiment says advance',
      freeze: 'no freeze',
      drained: 'no job left on the candidate',
    },
    titleNext: 'What the next step waits for',
    titlePromote: 'What promoting waits for',
    titleStart: 'What a start waits for',
    titleNewStart: 'What a new start waits for',
    nothing: 'nothing',
  },
}
