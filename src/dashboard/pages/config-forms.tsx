/** The forms for what is changed most, and a JSON field for the rest. Each posts a section for review. */
import type { Child, FC, PropsWithChildren } from 'hono/jsx'
import { drafted, draftedGuardrails, FIELDS, type GuardrailTable, LIMIT_KEYS, type Section } from '../config-draft.ts'
import { wordFor } from '../format.ts'
import type { Text } from '../text/index.ts'
import type { ConfigContent } from './config.tsx'
import { pathOf } from './layout.tsx'
import { Submit, Tick } from './parts.tsx'

export const EditForms: FC<ConfigContent & { t: Text }> = (content) => {
  const { config, patch, errors, raw, t } = content
  const words = t.config
  const form = { release: config.release, version: config.version, t }
  const field = (key: keyof typeof words.field): Child => {
    const value = drafted(config, patch, key)
    // What is refused may be of any kind, and is to be mended in the field that it was for.
    const acting = drafted(config, {}, key)
    const [label, hint] = [words.field[key], wordFor(words.hint, key, '')]
    if (typeof acting === 'boolean')
      return (
        <Tick name={key} checked={value === true}>
          {label}
        </Tick>
      )
    if (Array.isArray(value) && value.some((rung) => typeof rung !== 'number'))
      return (
        <p class="note">
          <code>{JSON.stringify(value)}</code>
          <br />
          {hint}
        </p>
      )
    const text = Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value)
    const isNumber = typeof acting === 'number'
    return <Field name={key} label={label} value={text} errors={errors} hint={hint} isNumber={isNumber} />
  }
  return (
    <>
      <h2 class="section">
        {words.editTitle} <small>{words.editNote}</small>
      </h2>
      <div class="grid">
        {(['ladder', 'shadow'] as const).map((section) => (
          <SectionForm {...form} section={section} title={t[section].title}>
            {FIELDS[section].map((key) => field(key))}
          </SectionForm>
        ))}
      </div>
      <SectionForm {...form} section="thresholds" title={words.thresholds} id="thresholds">
        {draftedGuardrails(config, patch).map((guardrail, i) => (
          <fieldset>
            <legend>{legendOf(guardrail)}</legend>
            {LIMIT_KEYS.filter((key) => typeof guardrail[key] === 'number').map((key) => (
              <Field
                name={`guardrails.${i}.${key}`}
                label={words.limit[key]}
                value={String(guardrail[key])}
                errors={errors}
                isNumber
              />
            ))}
          </fieldset>
        ))}
        <p class="note">{`${words.limit.max}: ${words.maxHint} · ${words.limit.max_over_control}: ${words.maxOverControlHint}`}</p>
      </SectionForm>
      <SectionForm {...form} section="raw" title={words.raw}>
        <Field name="raw" label="JSON" value={raw} errors={errors} hint={words.rawHint} isArea />
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

const Field: FC<{
  name: string
  label: string
  value: string
  errors: Map<string, string>
  hint?: string
  isNumber?: boolean
  isArea?: boolean
}> = ({ name, label, value, errors, hint, isNumber, isArea }) => {
  const id = `field-${name.replaceAll('.', '-')}`
  // At the field's own path, or at something inside it.
  const [, error] = [...errors].find(([path]) => path === name || path.startsWith(`${name}.`)) ?? []
  const described = [error ? `${id}-error` : '', hint ? `${id}-hint` : ''].filter(Boolean).join(' ')
  const common = {
    id,
    name,
    'aria-invalid': error ? ('true' as const) : undefined,
    'aria-describedby': described || undefined,
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {isArea ? (
        <textarea {...common} rows={6} spellcheck={false}>
          {value}
        </textarea>
      ) : (
        <input {...common} value={value} type={isNumber ? 'number' : 'text'} step={isNumber ? 'any' : undefined} />
      )}
      {error ? (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      ) : null}
      {hint ? <small id={`${id}-hint`}>{hint}</small> : null}
    </div>
  )
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
