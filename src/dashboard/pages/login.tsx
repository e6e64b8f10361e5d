/** Log-in by token. The control plane serves it and takes its post; it stands outside the log-in. */
import { type Language, LANGUAGES } from '../language.ts'
import { page, type Rendered } from './layout.tsx'
import { Submit } from './parts.tsx'

/** Why somebody who had a session is here: it ended, and what was sent with it was not done. */
export const LOGIN_REASONS = ['ended', 'unsent'] as const
export type LoginReason = (typeof LOGIN_REASONS)[number]

interface Login {
  why: LoginReason | 'wrong' | null
  next: string
  lang: Language
}

/**
 * `next` is the path that was asked for; the control plane checks it before it redirects there.
 * Send it with `PAGE_HEADERS`.
 */
export function loginPage({ why, next, lang }: Login): Rendered {
  const t = LANGUAGES[lang]
  const error = why === 'wrong'
  const reason = why === null || error ? null : why
  const here = `/_sluice/login?next=${encodeURIComponent(next)}${reason ? `&why=${reason}` : ''}`
  return page(
    { t, language: lang, here, title: t.login.title, tab: null, release: null, caller: null },
    <main id="content" class="login">
      <h1>{t.login.title}</h1>
      {reason ? <p role="status">{t.login[reason]}</p> : null}
      <p>{t.login.note}</p>
      <form method="post" action="/_sluice/login" class="card">
        <input type="hidden" name="next" value={next} />
        <label for="token">{t.login.token}</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="current-password"
          required
          autofocus
          aria-invalid={error ? 'true' : undefined}
          aria-describedby={error ? 'token-error' : undefined}
        />
        {error ? (
          <p class="field-error" id="token-error" role="alert">
            {t.login.wrong}
          </p>
        ) : null}
        <Submit look="filled">{t.login.submit}</Submit>
      </form>
    </main>,
  )
}
