import { describe, expect, it } from 'vitest'
import { ControlFake, RELEASES } from '../../support/control-fake.ts'

const [R1] = RELEASES
const CONFIG = `/api/v1/releases/${R1}/config`

describe('a change of the live configuration', () => {
  it('is published by the controller, with who and why', async () => {
    const rig = new ControlFake()
    const response = await rig.request('PATCH', `${CONFIG}?reason=slower`, { body: { bake: '1h', min_jobs: 5 } })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      version: 1,
      overlay: { bake: '1h', min_jobs: 5 },
      published: [{ version: 1, who: 'token:admin', reason: 'slower' }],
    })
  })

  it('keeps the keys that it does not name, and null takes one back to the file', async () => {
    const rig = new ControlFake()
    await rig.request('PATCH', CONFIG, { body: { bake: '1h', min_jobs: 5 } })
    await rig.request('PATCH', CONFIG, { body: { bake: null } })
    expect(rig.controller(R1).published.overlay).toEqual({ min_jobs: 5 })
    await rig.request('DELETE', CONFIG)
    expect(rig.controller(R1).published.overlay).toEqual({})
  })

  it('that changes nothing publishes nothing, and says so', async () => {
    const rig = new ControlFake()
    for (const [method, body] of [['DELETE'], ['PATCH', { bake: null }]] as [string, unknown?][]) {
      const response = await rig.request(method, CONFIG, { body })
      expect(await response.json()).toMatchObject({ version: 0, overlay: {}, changed: false })
    }
    await rig.request('PATCH', CONFIG, { body: { bake: '1h' } })
    await rig.request('PATCH', CONFIG, { body: { bake: '1h' } })
    expect(rig.controller(R1).published.version).toBe(1)
  })

  it.each([
    [{ ladder: [50, 5] }, 'ladder'],
    [{ bake: 'soon' }, 'bake'],
    [{ shadow: { sample: 2 } }, 'shadow.sample'],
    [{ guardrails: [{ metric: 'error_rate' }] }, 'guardrails.0'],
    [{ protocol: 'openai-videos' }, 'protocol'],
    [{ arms: {} }, 'arms'],
    [{ unknown: 1 }, 'unknown'],
  ])('that would not be valid is refused with the place: %j', async (body, path) => {
    const rig = new ControlFake()
    const response = await rig.request('PATCH', CONFIG, { body })
    expect(response.status).toBe(400)
    const { error }: { error: { details: { path: string }[] } } = await response.json()
    expect(error.details.map((detail) => detail.path).join()).toContain(path)
    expect(rig.controller(R1).published.version).toBe(0)
  })

  it('that is only tried shows what would be and publishes nothing', async () => {
    const rig = new ControlFake()
    const response = await rig.request('PATCH', `${CONFIG}?dry_run=true`, { body: { min_jobs: 5 } })
    expect(await response.json()).toMatchObject({
      version: 0,
      values: { min_jobs: { value: 5, source: 'live' }, bake: { source: 'default' } },
    })
    expect(rig.controller(R1).published.version).toBe(0)
  })

  it('on top of a version that is no longer the newest is 412', async () => {
    const rig = new ControlFake()
    await rig.request('PATCH', CONFIG, { body: { min_jobs: 5 } })
    const response = await rig.request('PATCH', CONFIG, { body: { min_jobs: 6 }, headers: { 'if-match': '"0"' } })
    expect(response.status).toBe(412)
    expect(rig.controller(R1).published.overlay).toEqual({ min_jobs: 5 })
  })

  it('larger than a variable of the file could be is 413', async () => {
    const rules = Array.from({ length: 100 }, (_, i) => ({ when: { subject: `${i}`.repeat(30) }, arm: 'control' }))
    const response = await new ControlFake().request('PATCH', CONFIG, { body: { rules } })
    expect(response.status).toBe(413)
  })
})
