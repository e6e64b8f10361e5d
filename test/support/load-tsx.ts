/** Loads a module with JSX and text imports in plain Node, through the server that Vitest brings along. */
import { createViteServer } from 'vitest/node'
import { textFiles } from './text-files.ts'

export async function loadThrough<T>(path: string): Promise<{ module: T; close: () => Promise<void> }> {
  const vite = await createViteServer({
    configFile: false,
    logLevel: 'warn',
    appType: 'custom',
    plugins: [textFiles()],
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true },
  })
  return { module: (await vite.ssrLoadModule(path)) as T, close: () => vite.close() }
}
