/** What is said, and the exit code, when the gateway is not there, not Sluice, or says no. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { run } from './run.ts'
import { canaryRelease } from './samples.ts'
import { type Control, startControl, TOKEN } from './control.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function running(): Promise<Control> {
  const control = await startControl()
  closing.push(() => control.stop())
  return control
}

async function answering(status: number, headers: Record<string, string>, body: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { connection: 'close', ...headers }).end(body)
  })
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a gateway that does not answer', () => {
  it('is told with what was tried and what to do', async () => {
    const control = await startControl()
    await control.stop()
    const { code, out, err } = await run(['status', '--url', control.url])
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain(`no answer from ${control.url}`)
    expect(err).toContain(`tried: GET ${control.url}/_sluice/api/v1/releases`)
    expect(err).toContain('ECONNREFUSED')
    expect(err).toContain('npm start')
    expect(err).not.toContain('    at ')
  })

  it('leaves open whether a change was made', async () => {
    const control = await running()
    control.intercept = (request) => request.method === 'POST' && Boolean(request.socket.destroy())
    const { code, err } = await run(['rollback', '--url', control.url, '--token', TOKEN])
    expect([code, err]).toEqual([1, expect.stringContaining('Whether the change was made is not known')])
  })
})

it('a control plane that is away comes with what still can be done', async () => {
  const error = { code: 'control_plane_unavailable', message: 'no answer', type: 'server_error', param: null }
  const body = JSON.stringify({ error: { ...error, request_id: 'r-1', details: [] } })
  const url = await answering(503, { 'content-type': 'application/json' }, body)
  const { code, err } = await run(['rollback', '--release', 'a', '--url', url])
  expect([code, err]).toEqual([1, expect.stringContaining('wrangler secret put SLUICE_FORCE_CONTROL')])
})

describe('a credential that no request can carry', () => {
  it('is told as such, and not printed', async () => {
    for (const token of ['secret\nsecret', 'secret secret', 'secret…', 'sécret']) {
      const { code, out, err } = await run(['status', '--json'], { SLUICE_TOKEN: token })
      expect([code, out + err]).toEqual([2, expect.stringContaining('SLUICE_TOKEN is no bearer token')])
      expect(out + err).not.toContain('cret')
    }
    const { code, out, err } = await run(['status', '--url', 'http://me:hidden@127.0.0.1:1'])
    expect([code, out, err]).toEqual([2, '', expect.stringContaining('--url holds a user or a password')])
    expect(err).not.toContain('hidden')
  })

  it('is told where it stands: as an option, or in the environment', async () => {
    const given = await run(['status', '--token', 'se cret'], { SLUICE_TOKEN: 'good' })
    expect([given.code, given.err]).toEqual([2, expect.stringContaining('--token is no bearer token')])
    const { code, err } = await run(['status'], { SLUICE_URL: '127.0.0.1:9000' })
    expect([code, err]).toEqual([2, 'sluice: SLUICE_URL is not an http(s) address: 127.0.0.1:9000\n'])
  })
})

describe('a gateway that says no', () => {
  it('is told that no token was sent, or that it is wrong', async () => {
    const control = await running()
    const none = await run(['status', '--url', control.url])
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('No token was sent')])
    const wrong = await run(['status', '--url', control.url], { SLUICE_TOKEN: 'x' })
    expect(wrong.err).toContain('The token was not accepted')
  })

  it('is quoted with the request’s id where the fault is its own', async () => {
    const error = {
      code: 'config_invalid',
      message: 'the configuration is invalid',
      type: 'server_error',
      param: 'A',
      request_id: 'req-9',
      details: [{ path: 'RELEASE_A.bake', message: 'not a duration', code: 'not_duration', params: {} }],
    }
    const url = await answering(503, { 'content-type': 'application/json' }, JSON.stringify({ error }))
    const { code, err } = await run(['explain', '--url', url])
    expect(code).toBe(1)
    expect(err).toBe(
      'sluice: the configuration is invalid (config_invalid)\n  RELEASE_A.bake: not a duration\n  request req-9\n',
    )
  })
})

it.each([
  ['token_expired', 'Get a new token from its issuer.'],
  ['token_too_old', 'Get a new token from its issuer.'],
  ['token_not_yet_valid', 'Wait until then; if that has passed, a clock is wrong: the issuer’s or the gateway’s.'],
])('a token that is good but for the time is told as such, with what helps: %s', async (code, hint) => {
  const message = 'the token has a time'
  const fault = { code: 'unauthenticated', message, type: 'authentication_error', param: null, request_id: 'r' }
  const details = [{ path: '', message, code, params: {} }]
  const url = await answering(401, {}, JSON.stringify({ error: { ...fault, details } }))
  const { code: exit, err } = await run(['status', '--release', 'a', '--url', url, '--token', 'a.b.c'])
  expect([exit, err]).toEqual([1, `sluice: ${message} (unauthenticated)\n  ${hint}\n`])
})

describe('what a refusal says of single things', () => {
  const linesOf = async (message: string, details: object[]) => {
    const fault = { code: 'invalid_request', message, type: 'invalid_request_error', param: null, request_id: 'r' }
    const body = JSON.stringify({ error: { ...fault, details } })
    const { err } = await run(['pause', '--release', 'a', '--url', await answering(400, {}, body)])
    return err.split('\n').slice(1, -1)
  }

  it('is left out where it is the sentence itself, and not where its words only stand in one', async () => {
    const [bake, whole] = ['at most 7', 'bake is at most 7 days']
    const detail = (message: string) => ({ path: 'bake', message, code: 'at_most', params: {} })
    expect(await linesOf(whole, [detail(whole)])).toEqual([])
    expect(await linesOf(whole, [detail(bake)])).toEqual([`  bake: ${bake}`])
  })

  it('is left out by its code where the sentence lists it, whatever the sentence is', async () => {
    const legal = ['pause', 'rollback'].map((action) => ({
      path: 'action',
      message: action,
      code: 'legal_action',
      params: { action },
    }))
    expect(await linesOf('that is not possible now', legal)).toEqual([])
  })
})

describe('with --json every failure', () => {
  const printed = async (args: string[]) => {
    const { code, out, err } = await run(args)
    expect(err).not.toBe('')
    return { code, ...(JSON.parse(out) as { error: { code: string; message: string; details: unknown[] } }) }
  }

  it('is an object on stdout too: a gateway that does not answer', async () => {
    const control = await startControl()
    await control.stop()
    expect(await printed(['status', '--json', '--url', control.url])).toMatchObject({
      code: 1,
      error: { code: 'unreachable', message: `no answer from ${control.url}` },
    })
  })

  it.each([
    ['an unknown option', ['status', '--wath', '--json'], "unknown option '--wath'"],
    ['an unknown command', ['--json', 'forward'], "unknown command 'forward'"],
    ['no command', ['--json'], 'a command is needed'],
    ['a bad value', ['set-percent', '101', '--json'], '101'],
    ['a bad address', ['--json', 'status', '--url', 'ftp://x'], '--url is not an http(s) address'],
  ])('and wrong usage: %s', async (_, args, message) => {
    expect(await printed(args)).toMatchObject({
      code: 2,
      error: { code: 'usage', message: expect.stringContaining(message) as string },
    })
  })

  it('and what is no answer of Sluice, with that answer', async () => {
    const url = await answering(502, { 'content-type': 'application/json' }, '{"proxy":"down"}')
    expect(await printed(['status', '--json', '--url', url])).toMatchObject({
      code: 1,
      error: { code: 'not_sluice' },
      answer: { proxy: 'down' },
    })
  })
})

describe('an address that is not Sluice', () => {
  it('is recognised by its page', async () => {
    const url = await answering(200, { 'content-type': 'text/html' }, '<html>')
    const { code, err } = await run(['status', '--url', url])
    expect([code, err]).toEqual([1, expect.stringContaining('not an answer of Sluice: 200 text/html')])
  })

  it('is not followed to a log-in page with the token', async () => {
    const url = await answering(302, { location: 'https://login.example/' }, '')
    const { code, err } = await run(['status', '--url', url, '--token', TOKEN])
    expect([code, err]).toEqual([1, expect.stringContaining('It points to https://login.example/')])
  })

  it('is wrong usage when it is no http address', async () => {
    expect((await run(['status', '--url', 'ftp://x'])).code).toBe(2)
  })
})

describe('a gateway of another version', () => {
  it('may use new words', async () => {
    const control = await running()
    control.show({ ...canaryRelease('a'), state: 'resting' as never, stage: 'resting' })
    const { code, out } = await run(['status', '--url', control.url, '--token', TOKEN, '--release', 'a'])
    expect([code, out]).toEqual([0, expect.stringContaining('At resting.')])
  })

  it('is told apart by the place that does not fit', async () => {
    const control = await running()
    control.show({ ...canaryRelease('a'), ladder: 'steep' as never })
    const { code, err } = await run(['status', '--url', control.url, '--token', TOKEN, '--release', 'a'])
    expect([code, err]).toEqual([1, expect.stringContaining('ladder: ')])
  })
})

describe('the address', () => {
  it('may end in a slash or in /_sluice', async () => {
    const control = await running()
    for (const url of [`${control.url}/`, `${control.url}/_sluice`, `${control.url}/_sluice/`])
      expect((await run(['status', '--url', url, '--token', TOKEN])).code).toBe(0)
  })
})
