import { describe, expect, it } from 'vitest'
import { ControlRig, RELEASES } from '../../support/workerd/control-app.ts'

describe('releases', () => {
  it('lists every release in matching order', async () => {
    const res = await new ControlRig().request('GET', '/api/v1/releases', { as: 'viewer' })
    const body = (await res.json()) as { items: { name: string }[]; next: null }
    expect(res.status).toBe(200)
    expect(body.items.map(({ name }) => name)).toEqual(RELEASES)
    expect(body.next).toBeNull()
    expect(res.headers.get('cache-control')).toBe('no-store')
  })
})
