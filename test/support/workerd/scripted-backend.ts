/** Backends as functions: jobs by host and id, made by submits, found by everything else. What it shows of them a test says. */
import type { Answer, BackendCall } from './data-plane.ts'

export class ScriptedBackends {
  /** The id of the next job; null numbers them by itself. */
  nextId: string | null = null
  /** Members that the backends add to each job that they show. */
  more: Record<string, unknown> = {}
  /** How each job is shown; `completed` where it is not named. */
  readonly statusOf = new Map<string, string>()
  readonly calls: BackendCall[] = []
  /** Of each job the host and the id, oldest first. */
  readonly #jobs = new Set<string>()

  readonly answer: Answer = (call) => {
    this.calls.push(call)
    const { method, url, body } = call
    const [, id, below] = /\/v1\/videos(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(url.pathname) ?? []
    if (method === 'POST') {
      const source = below === 'remix' ? id : (readJson(body).video as { id?: string } | undefined)?.id
      if (source !== undefined && !this.#jobs.has(`${url.host}/${decodeURIComponent(source)}`))
        return Response.json({ detail: `no ${source}` }, { status: 404 })
      const made = this.nextId ?? `${nameOf(url)}-raw-${this.#jobs.size + 1}`
      this.#jobs.add(`${url.host}/${made}`)
      const from = below === 'remix' ? { remixed_from_video_id: source } : {}
      return Response.json({ id: made, object: 'video', status: 'queued', ...from, ...this.more })
    }
    const name = decodeURIComponent(id ?? '')
    const place = `${url.host}/${name}`
    if (!this.#jobs.has(place)) return Response.json({ detail: `no ${id}` }, { status: 404 })
    if (method === 'DELETE') {
      this.#jobs.delete(place)
      return Response.json({ id: name, object: 'video', status: 'deleted' })
    }
    if (below === 'content') return new Response(`film at ${place}`, { headers: { 'content-type': 'video/mp4' } })
    const status = this.statusOf.get(name) ?? 'completed'
    return Response.json({ id: name, object: 'video', status, ...this.more })
  }

  /** Puts a job there that no Sluice has seen. */
  add(backend: string, id: string): void {
    this.#jobs.add(`${backend}.test/${id}`)
  }

  has(backend: string, id: string): boolean {
    return this.#jobs.has(`${backend}.test/${id}`)
  }

  /** The id of the newest job, as clients must never see it. */
  get lastId(): string {
    const last = [...this.#jobs].at(-1)!
    return last.slice(last.indexOf('/') + 1)
  }

  /** Requests that named this id, as `METHOD backend`. */
  askedFor(id: string): string[] {
    return this.calls
      .filter(({ url }) => decodeURIComponent(url.href).includes(`/${id}`))
      .map(({ method, url }) => `${method} ${nameOf(url)}`)
  }
}

function nameOf({ host }: URL): string {
  return host.replace('.test', '')
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
