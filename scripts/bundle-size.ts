/** Builds what would be deployed and prints its size; fails above the limit that a quick cold start allows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundleTo, filesOf } from './bundle.ts'

const LIMIT_KB = 450

const folder = mkdtempSync(join(tmpdir(), 'sluice-bundle-'))
try {
  bundleTo(folder)
  const sizes = filesOf(folder).map((file) => readFileSync(join(folder, file)))
  const kb = (bytes: number) => Math.round(bytes / 102.4) / 10
  const plain = sizes.reduce((sum, bytes) => sum + bytes.length, 0)
  const gzipped = sizes.reduce((sum, bytes) => sum + gzipSync(bytes).length, 0)
  console.log(`deployed bundle: ${kb(plain)} kB, ${kb(gzipped)} kB gzipped (limit ${LIMIT_KB} kB)`)
  if (kb(gzipped) > LIMIT_KB) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
