import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { textFiles } from './test/support/text-files.ts'

/** A test that hangs ends here; one that works needs a tenth of it, also on a busy machine. So do hooks. */
const LIMITS = { testTimeout: 180_000, hookTimeout: 180_000 }

/**
 * What the Worker depends on, for tests in workerd: each worker asks for each file of a package by itself, so that a package
 * costs less as one file. itty-durable mixes CommonJS and ES modules and does not load otherwise.
 */
const BUNDLED = [
  'itty-durable',
  'itty-router',
  'valibot',
  '@valibot/to-json-schema',
  'hono',
  'hono/cookie',
  'hono/html',
  'hono/jsx',
  'hono/jsx/jsx-runtime',
  'jose',
  '@noble/ciphers/chacha.js',
  '@noble/hashes/hkdf.js',
  '@noble/hashes/hmac.js',
  '@noble/hashes/sha2.js',
  '@noble/hashes/utils.js',
  '@stdlib/math-base-special-betainc',
  '@stdlib/math-base-special-betaln',
  '@stdlib/math-base-special-erfc',
  '@stdlib/math-base-special-gammainc',
]

/** Node for what is pure, workerd for objects and routes, whole processes and Chromium for the rest. */
export default defineConfig({
  test: {
    // One more than two cores: a file that holds a gateway waits for it often, and a worker that loads everything anew costs
    // ten seconds. Vitest takes the projects in the order of their names and of each the longest first: so whole processes
    // begin, and what is small fills the end.
    maxWorkers: 3,
    projects: [
      {
        plugins: [textFiles()],
        test: {
          name: 'node',
          // Files share a process and its modules; whoever fakes something takes it back.
          isolate: false,
          setupFiles: ['./test/support/property-cases.ts'],
          include: ['test/**/*.test.ts'],
          exclude: ['test/workerd/**', 'test/e2e/**', 'test/browser/**'],
          ...LIMITS,
        },
      },
      {
        plugins: [textFiles(), cloudflareTest({ wrangler: { configPath: './test/workerd/wrangler.toml' } })],
        test: {
          name: 'workerd',
          isolate: false,
          setupFiles: ['./test/support/workerd/clean-storage.ts'],
          include: ['test/workerd/**/*.test.ts'],
          ...LIMITS,
          deps: { optimizer: { ssr: { enabled: true, include: BUNDLED } } },
        },
      },
      {
        plugins: [textFiles()],
        test: {
          name: 'e2e',
          isolate: false,
          globalSetup: ['./test/support/bundle.ts'],
          setupFiles: ['./test/support/property-cases.ts'],
          include: ['test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
})
