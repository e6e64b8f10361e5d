/** Secrets that sign, such as SLUICE_COOKIE_KEY: one key or two, the new one first. */

/** `"new,old"` or `["new","old"]` → the keys; none where the secret is not set. */
export function signingKeys(secret: string | undefined): string[] {
  if (!secret) return []
  const listed = secret.trim().startsWith('[') ? jsonList(secret) : secret.split(',')
  return listed.map((key) => key.trim()).filter((key) => key.length > 0)
}

function jsonList(secret: string): string[] {
  try {
    const parsed: unknown = JSON.parse(secret)
    return Array.isArray(parsed) ? parsed.filter((key): key is string => typeof key === 'string') : [secret]
  } catch {
    return [secret]
  }
}
