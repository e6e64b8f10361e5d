/** A Worker of one's own with Sluice inside: its own routes first, everything else goes to Sluice. */
import { Hono } from 'hono'
import { createSluice, type Env } from '../../../src/plugin.ts'

const app = new Hono<{ Bindings: Env }>()
app.get('/hello', (c) => c.text('my own route'))
app.route('/', createSluice({ log: (entry) => console.log(JSON.stringify({ service: 'mine', ...entry })) }))

export default app
export { CounterShard, JobLedger, LiveConfig, PollRunner, ReleaseController } from '../../../src/worker.ts'
