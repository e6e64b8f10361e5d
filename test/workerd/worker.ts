/** The Worker that object tests run in. */
export { LiveConfig } from '../../src/durable/live-config.ts'

export default { fetch: () => new Response('not used') }
