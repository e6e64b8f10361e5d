/** Which release an object is for, by the name it was got under, and that release's configuration. */
import { configOf, type Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import { PROTOCOL_NAMES } from '../protocols/index.ts'

/** Names are `RELEASE` or `RELEASE|INDEX`; release names hold no "|". */
export function releaseNameOf(ctx: DurableObjectState): string {
  const name = ctx.id.name
  if (name === undefined) throw new Error('this object was not got by a name')
  return name.split('|')[0]!
}

/** 0 for an object that stands alone. */
export function objectIndexOf(ctx: DurableObjectState): number {
  return Number(ctx.id.name?.split('|')[1] ?? 0)
}

/** All that are configured; none when the configuration is invalid. */
export function releasesOf(env: Env): readonly ReleaseConfig[] {
  const read = configOf(env, PROTOCOL_NAMES)
  return read.ok ? read.config.releases : []
}

/** Null when the configuration is invalid or no longer names this release. */
export function releaseConfigOf(env: Env, name: string): ReleaseConfig | null {
  return releasesOf(env).find((release) => release.name === name) ?? null
}
