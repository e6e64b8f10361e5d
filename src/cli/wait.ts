/** `--wait`: looks at a release until nothing blocks the next step, shows what does, then takes the step. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionRequest, ReleaseView } from '../api/index.ts'
import type { Reply } from './api-client.ts'
import { Failure } from './failure.ts'
import { createLiveView } from './live.ts'
import { releaseOnceAvailable } from './retry.ts'
import type { Session } from './session.ts'
import { fromNow, place } from './words.ts'

const INTERVAL_SECONDS = 1

/** Either the step was taken, or the release went somewhere else meanwhile and `why` says where. */
export type Waited = { sent: true; reply: Reply<ReleaseView> } | { sent: false; reply: Reply<ReleaseView>; why: string }

export async function waitUntilClear(
  session: Session,
  action: ActionRequest['action'],
  send: (ifMatch: number) => Promise<Reply<ReleaseView>>,
): Promise<Waited> {
  const view = createLiveView(process.stderr)
  let from: string | undefined
  for (;;) {
    const reply = await releaseOnceAvailable(session, INTERVAL_SECONDS)
    const release = reply.value
    from ??= release.stage
    if (release.stage !== from) {
      view.clear()
      return { sent: false, reply, why: `It is at ${place(release)} now without this command: ${release.reason}` }
    }
    if (release.blocked_by.length === 0 || !canClear(release, action)) {
      view.clear()
      const sent = await sendUnlessOvertaken(() => send(release.version))
      if (sent) return { sent: true, reply: sent }
    }
    view.show(progress(release, Date.now()), progressLine(release))
    await sleep(INTERVAL_SECONDS * 1000)
  }
}

/** Waiting helps only where the step leads on from here; elsewhere the server's refusal says more than silence. */
function canClear({ legal_actions: legal }: ReleaseView, action: ActionRequest['action']): boolean {
  return legal.includes(action)
}

/** Null where the release changed or became blocked again between the look and the step. */
async function sendUnlessOvertaken(send: () => Promise<Reply<ReleaseView>>): Promise<Reply<ReleaseView> | null> {
  try {
    return await send()
  } catch (error) {
    const code = error instanceof Failure ? error.refusal?.code : undefined
    if (code === 'version_mismatch' || code === 'blocked') return null
    throw error
  }
}

function progress(release: ReleaseView, now: number): string[] {
  return [
    `${release.name} at ${place(release)} waits for:`,
    ...release.blocked_by.map(({ message, until }) => `  ${message}${until ? ` (ends ${fromNow(until, now)})` : ''}`),
    `  ${release.jobs.finished} of ${release.jobs.needed} candidate jobs finished`,
  ]
}

function progressLine(release: ReleaseView): string {
  const codes = [...new Set(release.blocked_by.map((blocker) => blocker.code))]
  return `${release.name} at ${place(release)} waits for ${codes.join(', ') || 'the next check'}`
}
