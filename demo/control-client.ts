/** The few calls to the control plane that the demo makes. */
import type { ActionRequest, HistoryEntry, ReleaseView } from '../src/api/index.ts'
import type { DemoGateway } from './gateway.ts'
import { RELEASE } from './setup.ts'

export class ControlClient {
  readonly #gateway: DemoGateway

  constructor(gateway: DemoGateway) {
    this.#gateway = gateway
  }

  release(): Promise<ReleaseView> {
    return this.#call<ReleaseView>('GET', '')
  }

  act(request: ActionRequest): Promise<ReleaseView> {
    return this.#call<ReleaseView>('POST', '/actions', request)
  }

  async history(): Promise<HistoryEntry[]> {
    return (await this.#call<{ items: HistoryEntry[] }>('GET', '/history')).items
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.#gateway.url}/_sluice/api/v1/releases/${RELEASE}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#gateway.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path || 'release'}: ${answer.status} ${text.slice(0, 300)}`)
    return JSON.parse(text) as T
  }
}
