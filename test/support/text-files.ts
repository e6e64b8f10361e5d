/** Vite plugin: the files that wrangler bundles as text (its Text rule) are text under Vitest too. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Plugin } from 'vitest/config'

const TEXT = /(\.css|\.client\.js|\/uPlot\.iife\.min\.js)$/
/** Without the file's ending, by which Vite would take it for a style sheet. */
const ID = /^\0text:(.+):(\w+)$/

export function textFiles(): Plugin {
  return {
    name: 'text-files',
    enforce: 'pre',
    resolveId(source, importer) {
      if (!TEXT.test(source) || !importer) return null
      const path = resolve(dirname(importer), source)
      const dot = path.lastIndexOf('.')
      return `\0text:${path.slice(0, dot)}:${path.slice(dot + 1)}`
    },
    async load(id) {
      const parts = ID.exec(id)
      return parts ? `export default ${JSON.stringify(await readFile(`${parts[1]}.${parts[2]}`, 'utf8'))}` : null
    },
  }
}
