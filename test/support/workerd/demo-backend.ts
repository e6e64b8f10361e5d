/** A demo backend as a function from call to answer, with a clock that the test moves, faults that it sets, and films told apart by their jobs. */
import { type Faults, HEALTHY } from '../../../demo/faults.ts'
import type { RestAnswer } from '../../../demo/rest-api.ts'
import type { BackendCall } from './data-plane.ts'

export interface DemoBackend {
  state: { faults: Faults }
  answer: (call: BackendCall) => Response
}

/** What all of them are made with. */
type Common = ReturnType<typeof commonOf>

function commonOf(state: { faults: Faults }) {
  return {
    jobSeconds: 10,
    random: () => 0.5,
    faults: () => state.faults,
    now: Date.now,
    clip: (id: string) => new TextEncoder().encode(`film of ${id}`),
  }
}

export function demoBackend(create: (common: Common) => { answer: (call: BackendCall) => RestAnswer }): DemoBackend {
  const state: { faults: Faults } = { faults: HEALTHY }
  const server = create(commonOf(state))
  const answer = (call: BackendCall): Response => {
    const { status, headers = {}, body, file } = server.answer(call)
    if (!file) return Response.json(body, { status, headers })
    return new Response(Uint8Array.from(file), { status, headers: { 'content-type': 'video/mp4', ...headers } })
  }
  return { state, answer }
}
