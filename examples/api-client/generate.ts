/** The running server's own OpenAPI document → src/control-plane.d.ts. */
import { writeFileSync } from 'node:fs'
import { answered, end, refusal, token, url } from './src/server.ts'

await generate().catch(end)

async function generate(): Promise<void> {
  const answer = await answered(
    fetch(`${url}/_sluice/api/v1/openapi.json`, { headers: { authorization: `Bearer ${token}` } }),
  )
  if (!answer.ok) throw refusal(answer, await answer.json().catch(() => undefined))
  // Only now, as it takes a second to load.
  const { default: openapi, astToString } = await import('openapi-typescript')
  const file = new URL('src/control-plane.d.ts', import.meta.url)
  // What has a default may be left out by a caller.
  writeFileSync(file, astToString(await openapi(await answer.text(), { defaultNonNullable: false })))
  console.log(`wrote ${file.pathname}`)
}
