/** Jobs with a filter, newest first. */
import type { Child } from 'hono/jsx'
import { type JobFilter, jobSchema, type JobView } from '../../api/index.ts'
import { latency, stageName, wordFor } from '../format.ts'
import type { Page } from '../port.ts'
import type { Text } from '../text/index.ts'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Ago, Head, More, Submit } from './parts.tsx'

/** Unknown values filter nothing. */
export function jobFilterOf(query: URLSearchParams): JobFilter {
  const { entries } = jobSchema
  const arm = entries.arm.options.find((known) => known === query.get('arm'))
  const status = entries.status.options.find((known) => known === query.get('status'))
  const kind = query.get('kind')
  return {
    ...(arm && { arm }),
    ...(status && { status }),
    ...(kind === 'served' ? { shadow: false } : kind === 'copy' ? { shadow: true } : {}),
  }
}

export function jobsPage(
  frame: Frame,
  release: string,
  filter: JobFilter,
  jobs: Page<JobView>,
  nowMs: number,
): Rendered {
  const { t } = frame
  const filtered = Object.keys(filter).length > 0
  return page(
    frame,
    <main id="content">
      <p class="crumb">{frame.release}</p>
      <h1>
        {t.jobs.title} <small>{t.jobs.note}</small>
      </h1>
      <FilterForm filter={filter} t={t} />
      <section class="card scroll" tabindex={0} aria-label={t.jobs.title}>
        {jobs.items.length === 0 ? (
          <p class="empty">{filtered ? t.jobs.none : t.jobs.noneYet}</p>
        ) : (
          <table class="jobs stacked">
            <thead>
              <tr>
                {[t.jobs.submitted, t.jobs.arm, t.jobs.stage, t.jobs.status, t.jobs.outcome].map((words) => (
                  <Head words={words} />
                ))}
                <Head words={t.jobs.took} look="number" />
                <Head words={t.jobs.id} />
              </tr>
            </thead>
            <tbody>{jobs.items.map((job) => row(job, nowMs, t))}</tbody>
          </table>
        )}
        <More
          href={
            jobs.next && `${pathOf(release)}/jobs?${new URLSearchParams({ ...choicesOf(filter), cursor: jobs.next })}`
          }
          words={t.jobs.next}
        />
      </section>
    </main>,
  )
}

function row(job: JobView, nowMs: number, t: Text): Child {
  const notes = [job.shadow ? t.jobs.copy : '', job.rescued ? t.jobs.rescued : ''].filter(Boolean)
  return (
    <tr>
      <td>
        <Ago at={job.submitted_at} nowMs={nowMs} t={t} />
      </td>
      <td class={job.arm}>
        {t.arm[job.arm]}
        {notes.length > 0 ? <small>{notes.join(', ')}</small> : null}
      </td>
      <td>{stageName(job.stage, t)}</td>
      <td>{t.jobs.statuses[job.status]}</td>
      <td>{job.outcome === null ? '–' : wordFor(t.jobs.outcomes, job.outcome)}</td>
      <td class="number">{job.seconds === null ? '–' : latency(job.seconds, t)}</td>
      <td class="id">
        <code title={job.id}>{job.id}</code>
      </td>
    </tr>
  )
}

function FilterForm({ filter, t }: { filter: JobFilter; t: Text }): Child {
  const chosen = choicesOf(filter)
  const choice = (name: keyof typeof chosen, label: string, options: Record<string, string>): Child => (
    <label>
      {label}
      <select name={name}>
        <option value="">{t.jobs.any}</option>
        {Object.entries(options).map(([value, words]) => (
          <option value={value} selected={value === chosen[name]}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <form method="get" class="filter">
      {choice('arm', t.jobs.arm, t.arm)}
      {choice('status', t.jobs.status, t.jobs.statuses)}
      {choice('kind', t.jobs.kind, { served: t.jobs.served, copy: t.jobs.copy })}
      <Submit>{t.jobs.filter}</Submit>
    </form>
  )
}

/** What stands in the query for a filter. */
function choicesOf({ arm, status, shadow }: JobFilter): { arm?: string; status?: string; kind?: string } {
  const kind = shadow === undefined ? {} : { kind: shadow ? 'copy' : 'served' }
  return { ...(arm ? { arm } : {}), ...(status ? { status } : {}), ...kind }
}
