/** Pages for what went wrong: nothing there, not allowed, invalid configuration, control plane unreachable. */
import type { FC } from 'hono/jsx'
import { placeName, span } from '../format.ts'
import type { LastKnown } from '../port.ts'
import { type Refusal, refusalWords, wrongs } from '../refusal-words.ts'
import type { Text } from '../text/index.ts'
import { type Frame, page, type Rendered } from './layout.tsx'
import { Card, Figures, Wrongs } from './parts.tsx'

/** Works without the control plane: a secret of that name reaches every isolate with the next request. */
export const BreakGlass: FC = () => (
  <pre tabindex={0}>
    <code>{'echo 1 | npx wrangler secret put SLUICE_FORCE_CONTROL'}</code>
  </pre>
)

/** While it is set, a percent on the page says nothing of who serves whom. */
export const ForcedControl: FC<{ t: Text }> = ({ t }) => (
  <p class="card errors" role="status">
    <strong>{t.problem.forcedControl}</strong> <code>npx wrangler secret delete SLUICE_FORCE_CONTROL</code>
  </p>
)

const NOT_FOUND = ['not_found', 'release_not_found', 'change_not_found']
/** Their words are the page's title; a hint of their own stands below it. */
const OWN_HINT = ['forbidden', 'config_invalid', 'internal']

interface More {
  /** What is known without the control plane's objects. */
  known: LastKnown[]
  /** Leads to the line in the log. */
  requestId: string | undefined
}

export function problemPage(frame: Frame, refusal: Refusal, more: More): Rendered {
  const { t } = frame
  const found = wrongs(refusal, t)
  return page(
    frame,
    <main id="content" class="problem">
      <h1>{titleOf(refusal, frame)}</h1>
      <Hint refusal={refusal} frame={frame} more={more} />
      {found.length > 0 ? <Wrongs wrongs={found} look="card errors" /> : null}
      <p>
        <a href="/_sluice/">{t.problem.home}</a>
      </p>
    </main>,
  )
}

function titleOf(refusal: Refusal, { t, release }: Frame): string {
  const p = t.problem
  if (refusal.code === 'release_not_found' && release !== null) return p.noRelease(release)
  if (NOT_FOUND.includes(refusal.code)) return p.notFound
  if (refusal.code === 'control_plane_unavailable') return p.unreachable
  return OWN_HINT.includes(refusal.code) ? refusalWords(refusal, t) : p.other
}

const Hint: FC<{ refusal: Refusal; frame: Frame; more: More }> = ({ refusal, frame, more }) => {
  const { t, caller } = frame
  if (NOT_FOUND.includes(refusal.code)) return null
  if (refusal.code === 'forbidden') return <p>{t.problem.forbiddenHint(t.roles[caller?.role ?? 'viewer'])}</p>
  if (refusal.code === 'config_invalid') return <p>{t.problem.invalidConfigHint}</p>
  if (refusal.code === 'internal') return <p>{t.problem.internalHint(more.requestId ?? '–')}</p>
  if (refusal.code !== 'control_plane_unavailable') return <p>{refusalWords(refusal, t)}</p>
  return (
    <>
      <Known known={more.known} t={t} />
      <p>{t.problem.unreachableHint}</p>
      <BreakGlass />
    </>
  )
}

const Known: FC<{ known: LastKnown[]; t: Text }> = ({ known, t }) =>
  known.length === 0 ? null : (
    <Card name="known" title={t.problem.known} look="known">
      <Figures
        items={known.map((last) => ({
          name: last.release,
          words: (
            <>
              {placeName(last, t)} <small>{t.time.ago(span(last.ageSeconds, t))}</small>
            </>
          ),
        }))}
      />
      <p class="note">{t.problem.knownNote}</p>
    </Card>
  )
