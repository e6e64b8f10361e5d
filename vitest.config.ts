import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { textFiles } from './test/support/text-files.ts'

/** A test that hangs ends here; one that works needs a tenth of it, also on a slow machine. */
const TEST_TIMEOUT_MS = 60_000

/** Node for what is pure, workerd for objects and routes, whole processes and Chromium for the rest. */
export default defineConfig({
  test: {
    // Vitest leaves one core free by itself, which is half of two.
    maxWorkers: '100%',
    projects: [
      {
        plugins: [textFiles()],
        test: {
          name: 'node',
          // Files share a process and its modules; whoever fakes something takes it back.
          isolate: false,
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
          isolate: false,
          setupFiles: ['./test/support/workerd/clean-storage.ts'],
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
          // Apart from the others, and three at a time: each file holds a gateway and waits for it most of the time.
          sequence: { groupOrder: 1 },
          include: ['test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 240_000,
          maxWorkers: 3,
        },
      },
    ],
  },
})
