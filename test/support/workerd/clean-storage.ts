/** Files share one runtime: each leaves its objects empty for the next. */
import { reset } from 'cloudflare:test'
import { afterAll } from 'vitest'

afterAll(() => reset())
