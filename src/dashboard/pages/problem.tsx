/** Pages for what went wrong: nothing there, not allowed, invalid configuration, control plane unreachable. */
import type { FC } from 'hono/jsx'
import type { PortRefusal } from '../port.ts'
import type { Text } from '../text/en.ts'
import { type Frame, page, type Rendered } from './layout.tsx'

/** Works without the control plane: a secret of that name reaches every isolate with the next request. */
export const BreakGlass: FC = () => (
  <pre tabindex={0}>
    <code>{'echo 1 | npx wrangler secret put SLUICE_FORCE_CONTROL'}</code>
  </pre>
)

const NOT_FOUND = ['not_found', 'release_not_found']
const UNREACHABLE = ['control_plane_unavailable', 'internal']

export function problemPage(frame: Frame, refusal: PortRefusal): Rendered {
  const { t } = frame
  return page(
    frame,
    <main id="content" class="problem">
      <h1>{titleOf(refusal, frame)}</h1>
      <Hint refusal={refusal} frame={frame} />
      {refusal.details.length > 0 ? (
        <ul class="card errors">
          {refusal.details.map(({ path, message }) => (
            <li>
              <code>{path}</code> {message}
            </li>
          ))}
        </ul>
      ) : null}
      <p>
        <a href="/_sluice/">{t.problem.home}</a>
      </p>
    </main>,
  )
}

function titleOf(refusal: PortRefusal, { t, release }: Frame): string {
  const p = t.problem
  if (refusal.code === 'release_not_found' && release !== null) return p.noRelease(release)
  if (NOT_FOUND.includes(refusal.code)) return p.notFound
  if (refusal.code === 'forbidden') return p.forbidden
  if (refusal.code === 'config_invalid') return p.invalidConfig
  return UNREACHABLE.includes(refusal.code) ? p.unreachable : p.other
}

const Hint: FC<{ refusal: PortRefusal; frame: Frame }> = ({ refusal, frame }) => {
  const { t, caller } = frame
  if (NOT_FOUND.includes(refusal.code)) return null
  if (refusal.code === 'forbidden') return <p>{t.problem.forbiddenHint(t.roles[caller?.role ?? 'viewer'])}</p>
  if (refusal.code === 'config_invalid') return <p>{t.problem.invalidConfigHint}</p>
  if (!UNREACHABLE.includes(refusal.code)) return <p>{refusal.message}</p>
  return (
    <>
      <p>{t.problem.unreachableHint}</p>
      <BreakGlass />
    </>
  )
}

/** HTTP status of a refusal, as the API's table has it for the codes that pages meet. */
export function statusOf(code: string): 400 | 403 | 404 | 409 | 412 | 422 | 503 {
  if (NOT_FOUND.includes(code)) return 404
  if (code === 'forbidden' || code === 'origin_mismatch') return 403
  if (code === 'illegal_transition' || code === 'blocked') return 409
  if (code === 'version_mismatch') return 412
  if (code === 'invalid_request' || code === 'malformed_body') return 400
  return 503
}

/** A refusal that the dashboard makes on its own. */
export function refusal(code: string, t: Text): PortRefusal {
  return { ok: false, code, message: code === 'forbidden' ? t.problem.forbidden : t.problem.notFound, details: [] }
}
