/** A token issuer on loopback: real keys, a real JWKS endpoint that counts its visitors and can be made to fail. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { VerifierConfig } from '../../src/config/sluice-schema.ts'

const ISSUER = 'https://issuer.example'
const AUDIENCE = 'sluice'
/** Where the tests' clock stands, in unix seconds. */
export const NOW = 1_795_000_000

export interface SigningKey {
  kid: string
  alg: string
  privateKey: CryptoKey
  jwk: JWK
}

export async function aKey(kid: string, alg = 'RS256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

let issuers = 0

export class Issuer {
  /** Ports come again, and what is remembered goes by the address. */
  readonly #path = `/jwks/${issuers++}`
  keys: SigningKey[] = []
  visits = 0
  /** `hang`: connections are accepted and never answered. */
  mode: 'ok' | 'down' | 'hang' | 'garbage' = 'ok'
  readonly #server: Server = createServer((_, response) => {
    this.visits++
    if (this.mode === 'hang') return
    if (this.mode === 'down') response.writeHead(500).end()
    else if (this.mode === 'garbage') response.end('<html>')
    else response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }))
  })

  async start(...keys: SigningKey[]): Promise<this> {
    this.keys = keys
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  get config(): VerifierConfig {
    const { port } = this.#server.address() as AddressInfo
    const algorithms = ['RS256', 'ES256']
    return { jwksUrl: `http://127.0.0.1:${port}${this.#path}`, issuer: ISSUER, audience: AUDIENCE, algorithms }
  }
}

/** A good token, but for what is given. A claim that is undefined is left out. */
export function sign(
  key: SigningKey,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'anna', iat: NOW - 10, exp: NOW + 600, ...claims }
  return new SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey)
}

export function base64urlJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
