/** The forms for what is changed most, and a JSON field for the rest. Each posts a section for review. */
import type { Child, FC, PropsWithChildren } from 'hono/jsx'
import { type GuardrailTable, LIMIT_KEYS, type Section } from '../config-draft.ts'
import type { Text } from '../text/index.ts'
import type { ConfigContent } from './config.tsx'
import { pathOf } from './layout.tsx'
import { Submit, Tick } from './parts.tsx'

export const EditForms: FC<ConfigContent & { t: Text }> = (content) => {
  const { config, draft, errors, raw, t } = content
  const words = t.config
  const form = { release: config.release, version: config.version, t }
  const field = (name: string, label: string, value: string, more: FieldOptions = {}): Child => (
    <Field name={name} label={label} value={value} error={errorAt(errors, name)} {...more} />
  )
  const plainLadder = draft.ladder.every((rung) => typeof rung === 'number')
  return (
    <>
      <h2 class="section">
        {words.editTitle} <small>{words.editNote}</small>
      </h2>
      <div class="grid">
        <SectionForm {...form} section="ladder" title={words.ladder}>
          {plainLadder ? (
            field('ladder', words.ladder, draft.ladder.join(', '), { hint: words.ladderHint })
          ) : (
            <p class="note">
              <code>{JSON.stringify(draft.ladder)}</code>
              <br />
              {words.ladderHint}
            </p>
          )}
          {field('bake', words.bake, draft.bake, { hint: words.durationHint })}
          {field('min_jobs', words.minJobs, String(draft.min_jobs), { number: true })}
        </SectionForm>
        <SectionForm {...form} section="shadow" title={words.shadow}>
          {field('shadow.sample', words.sample, String(draft.shadow.sample), { number: true })}
          {field('shadow.max_in_flight', words.maxInFlight, String(draft.shadow.max_in_flight), { number: true })}
          {field('shadow.max_jobs_per_day', words.maxJobsPerDay, String(draft.shadow.max_jobs_per_day), {
            number: true,
          })}
          <Tick name="shadow.during_canary" checked={draft.shadow.during_canary}>
            {words.duringCanary}
          </Tick>
        </SectionForm>
      </div>
      <SectionForm {...form} section="thresholds" title={words.thresholds} id="thresholds">
        {draft.guardrails.map((guardrail, i) => (
          <fieldset>
            <legend>{legendOf(guardrail)}</legend>
            {LIMIT_KEYS.filter((key) => typeof guardrail[key] === 'number').map((key) =>
              field(`guardrails.${i}.${key}`, limitLabel(key, t), String(guardrail[key]), { number: true }),
            )}
          </fieldset>
        ))}
        <p class="note">{`${words.max}: ${words.maxHint} · ${words.maxOverControl}: ${words.maxOverControlHint}`}</p>
      </SectionForm>
      <SectionForm {...form} section="raw" title={words.raw}>
        <Field name="raw" label="JSON" value={raw} error={errorAt(errors, 'raw')} hint={words.rawHint} area />
      </SectionForm>
    </>
  )
}

const SectionForm: FC<
  PropsWithChildren<{ release: string; version: number; section: Section; title: string; id?: string; t: Text }>
> = ({ release, version, section, title, id, t, children }) => (
  <form method="post" action={`${pathOf(release)}/config`} class="card section-form" id={id}>
    <h3>{title}</h3>
    <input type="hidden" name="section" value={section} />
    <input type="hidden" name="version" value={String(version)} />
    {children}
    <p class="buttons">
      <Submit>{t.config.review}</Submit>
    </p>
  </form>
)

interface FieldOptions {
  hint?: string
  number?: boolean
  area?: boolean
}

const Field: FC<{ name: string; label: string; value: string; error: string | null } & FieldOptions> = (props) => {
  const { name, label, value, error, hint } = props
  const id = `field-${name.replaceAll('.', '-')}`
  const described = [error === null ? '' : `${id}-error`, hint ? `${id}-hint` : ''].filter(Boolean).join(' ')
  const common = {
    id,
    name,
    'aria-invalid': error === null ? undefined : ('true' as const),
    'aria-describedby': described === '' ? undefined : described,
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {props.area ? (
        <textarea {...common} rows={6} spellcheck={false}>
          {value}
        </textarea>
      ) : (
        <input
          {...common}
          value={value}
          type={props.number ? 'number' : 'text'}
          step={props.number ? 'any' : undefined}
        />
      )}
      {error === null ? null : (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint ? <small id={`${id}-hint`}>{hint}</small> : null}
    </div>
  )
}

/** An error at the field's own path, or at something inside it. */
function errorAt(errors: Map<string, string>, name: string): string | null {
  const inside = [...errors.keys()].find((path) => path === name || path.startsWith(`${name}.`))
  return inside === undefined ? null : errors.get(inside)!
}

/** `error_rate · submit, job · within 10s`: as it stands in the file, so that it is found there. */
function legendOf(guardrail: GuardrailTable): string {
  const { metric, operations, method, within } = guardrail
  return [
    metric,
    Array.isArray(operations) ? operations.join(', ') : '',
    typeof within === 'string' ? `within ${within}` : '',
    method === 'sequential' ? method : '',
  ]
    .filter(Boolean)
    .join(' · ')
}

function limitLabel(key: (typeof LIMIT_KEYS)[number], t: Text): string {
  const labels = { max: t.config.max, max_over_control: t.config.maxOverControl, max_seconds: t.config.maxSeconds }
  return key === 'for_windows' ? t.config.forWindows : labels[key]
}
