/** Whose request it is, and which arm its sender may force. Credentials are read here and nowhere behind. */
import { type Caller, callerOf, isOwnCredential } from '../auth/caller.ts'
import { atLeast } from '../auth/roles.ts'
import type { Arm } from '../core/arm.ts'
import { detail, SluiceError } from '../core/errors.ts'
import type { Exchange } from './exchange.ts'
import { type Subject, subjectOf } from './subject.ts'

export async function identify(ctx: Exchange): Promise<Subject> {
  const { config, keys, deps } = ctx.isolate
  const forced = ctx.headers.has('x-sluice-arm') ? await forcedArm(ctx) : null
  ctx.forced = forced?.arm ?? null
  // A credential that was found good is not looked up again.
  ctx.ownCredential = forced?.credential === 'explicit' || (await isOwnCredential(ctx.headers, knownTo(ctx), deps))
  // Whoever forces an arm as a tester need not be a user as well; any other control-plane credential names no user.
  return subjectOf(ctx, config, keys, deps, ctx.forced !== null)
}

/** The arm that `x-sluice-arm` names, for callers who may. */
async function forcedArm(ctx: Exchange): Promise<{ arm: Arm; credential: Caller['credential'] }> {
  const wanted = ctx.headers.get('x-sluice-arm')
  const found = await callerOf(ctx.headers, knownTo(ctx), ctx.isolate.deps)
  if (!found.ok && found.code === 'identity_unavailable')
    throw new SluiceError(found.code, found.message, { headers: { 'retry-after': '5' } })
  if (!found.ok || !atLeast(found.caller.role, 'tester')) {
    throw new SluiceError('override_not_allowed', 'x-sluice-arm needs credentials with the role tester or higher')
  }
  if (wanted !== 'control' && wanted !== 'candidate') {
    throw new SluiceError('invalid_request', 'x-sluice-arm is control or candidate', {
      details: [detail('x-sluice-arm', 'unknown_arm', 'unknown arm')],
    })
  }
  return { arm: wanted, credential: found.caller.credential }
}

function knownTo(ctx: Exchange) {
  return { tokens: ctx.isolate.tokens, controlPlane: ctx.isolate.config.controlPlane }
}
