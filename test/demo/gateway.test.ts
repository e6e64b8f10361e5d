/** The gateway as a process of its own: what it is started with, and what keeps it from standing in for another. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parse } from 'smol-toml'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { portNamed } from '../../demo/free-port.ts'
import { startGateway, startWorker, wranglerToml } from '../../demo/gateway.ts'

/** Says that it is ready, as a gateway that was started before does. */
const other = createServer((_, response) => response.end('{"status":"ready"}'))
const parent = mkdtempSync(join(tmpdir(), 'sluice-taken-'))
const folder = join(parent, 'demo')
let port = 0

beforeAll(async () => {
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  port = (other.address() as AddressInfo).port
})

afterAll(() => {
  other.close()
  rmSync(parent, { recursive: true, force: true })
})

it('is refused where its port is taken, before it writes over what the other one runs on', async () => {
  const taken = `port ${port} is taken`
  await expect(startGateway({ folder, vars: '', port })).rejects.toThrow(taken)
  await expect(startWorker('wrangler.toml', { folder, port })).rejects.toThrow(taken)
  expect(existsSync(folder)).toBe(false)
})

it('is the project’s own Worker in all but its variables, wherever its file is written', () => {
  const { main, ...own } = parse(readFileSync('wrangler.toml', 'utf8'))
  expect(parse(wranglerToml('[vars.SLUICE]\nenvironment = "demo"'))).toEqual({
    ...own,
    main: resolve(main as string),
    vars: { SLUICE: { environment: 'demo' } },
  })
})

it.each(['abc', '', '0', '65536', '80.5', '-1', '1e3'])('has no port %j', (text) => {
  expect(() => portNamed(text)).toThrow(`PORT is a whole number from 1 to 65535, not "${text}"`)
})

it('has the port that is named', () => {
  expect([portNamed('9000'), portNamed('65535')]).toEqual([9000, 65_535])
})
