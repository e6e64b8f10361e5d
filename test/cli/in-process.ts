/** Runs the command within the test's own process, for tests with many commands: the same program without a start of Node for each. */
import { vi } from 'vitest'
import { main } from '../../src/cli/main.ts'
import type { Ended } from './run.ts'

/** One at a time: what is printed meanwhile is taken for the command's. */
export async function runHere(args: readonly string[]): Promise<Ended> {
  const printed = (stream: NodeJS.WriteStream) => {
    const texts: string[] = []
    const spy = vi.spyOn(stream, 'write').mockImplementation((text) => texts.push(String(text)) > 0)
    return () => {
      spy.mockRestore()
      return texts.join('')
    }
  }
  const [out, err] = [printed(process.stdout), printed(process.stderr)]
  try {
    const code = await main(args)
    return { code, out: out(), err: err() }
  } finally {
    out()
    err()
  }
}
