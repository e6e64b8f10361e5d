import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { textFiles } from './test/support/text-files.ts'

/** A test that hangs ends here; one that works needs a tenth of it, also on a slow machine. */
const TEST_TIMEOUT_MS = 60_000

/** Node for what is pure, workerd for objects and routes, whole processes and Chromium for the rest. */
export default defineConfig({
  test: {
    projects: [
      {
        plugins: [textFiles()],
        test: {
          name: 'node',
          setupFiles: ['./test/support/property-cases.ts'],
          sequence: { groupOrder: 0 },
          include: ['test/**/*.test.ts'],
          exclude: ['test/workerd/**', 'test/e2e/**', 'test/browser/**'],
          testTimeout: TEST_TIMEOUT_MS,
        },
      },
      {
        plugins: [textFiles(), cloudflareTest({ wrangler: { configPath: './test/workerd/wrangler.toml' } })],
        test: {
          name: 'workerd',
          sequence: { groupOrder: 0 },
          include: ['test/workerd/**/*.test.ts'],
          testTimeout: TEST_TIMEOUT_MS,
          // itty-durable mixes CommonJS and ES modules and does not load unbundled.
          deps: { optimizer: { ssr: { enabled: true, include: ['itty-durable'] } } },
        },
      },
      {
        plugins: [textFiles()],
        test: {
          name: 'e2e',
          setupFiles: ['./test/support/property-cases.ts'],
          // Apart from the others, in the quiet: these hold two processes and their load on two cores.
          sequence: { groupOrder: 1 },
          include: ['test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
