/** English: what is said when something fails, is refused, or is not heard of. */
import type { Detail } from '../../api/index.ts'

export const enFailures = {
  problem: {
    notFound: 'There is no such page.',
    noRelease: (name: string) => `There is no release “${name}”.`,
    forbiddenHint: (role: string) => `You are here as ${role}.`,
    forcedControl: 'Break-glass is set: control serves every new submit, whatever this page shows. To end it:',
    unreachable: 'The control plane can’t be reached.',
    unreachableHint:
      'The data plane keeps using the last split it knows. To send every new submit to control without the control plane:',
    invalidConfigHint: 'Nothing is routed on a half-read configuration. Fix these keys and deploy:',
    internalHint: (requestId: string) => `See the log for request ${requestId}.`,
    known: 'What is known here',
    knownNote: 'What the data plane last heard, and keeps using.',
    other: 'That did not work.',
    home: 'To the releases',
  },
  refusal: {
    code: {
      illegal_transition: 'That is not possible in the release’s current state.',
      blocked: 'Something still blocks it.',
      invalid_request: 'That can’t be done as asked.',
      version_mismatch: 'Someone else changed it in the meantime.',
      review_required:
        'This requires a second person: nobody approves their own change, nor publishes it where the release requires a review.',
      not_author: 'Only its author does that, or an admin.',
      change_stale: 'It is stale: others published meanwhile. Rebase it, then look again.',
      change_closed: 'It is already published or discarded.',
      change_not_found: 'There is no such change request.',
      forbidden: 'Your role does not allow this.',
      release_not_found: 'There is no such release.',
      body_too_large: 'That is too large to be sent.',
      origin_mismatch: 'This was not sent from a page of the dashboard. Open the page again and repeat it there.',
      method_not_allowed: 'Nothing can be sent to this address.',
      auth_not_configured: 'Nobody can log in yet: the secrets SLUICE_TOKENS and SLUICE_COOKIE_KEY must be set.',
      identity_unavailable: 'The keys to check who you are can’t be reached. Try again in a moment.',
      control_plane_unavailable: 'The control plane does not answer. Try again in a moment.',
      config_invalid: 'The configuration is invalid.',
      internal: 'Something went wrong inside Sluice.',
    },
    field: {
      percent: 'A percent is a number from 0 to 100.',
      sample: 'The percent to copy is a number from 0 to 100.',
      reason: 'A reason has at most 500 characters.',
      stage: 'There is no such stage.',
      session: 'A session needs https, except on the machine itself.',
    },
    possible: (actions: string) => ` Possible now: ${actions}.`,
    /** What is wrong with a key of the configuration: English is what the API says. */
    key: ({ message }: Detail) => message,
  },
  live: {
    failed: 'That did not work. As far as this page knows, nothing was changed: check before you repeat it.',
    asOf: 'as of',
    stale: (span: string) => `Figures are ${span} old: the stream is silent.`,
    lost: 'The control plane can’t be reached. This is what was known last.',
    breakGlass: 'To send every new submit to control anyway:',
  },
}
