/**
 * The names under which clients listen, made each caller's own: a server sends a job's messages to whoever listens
 * under its name, so that nobody may take another's.
 */

const OWN = /^slc-[0-9a-z]{1,32}-/

/** `caller`: letters and digits. */
export function callerSays(caller: string, clientId: string): string {
  return `slc-${caller}-${clientId}`
}

/** As the client wrote it. */
export function withoutCaller(name: string): string {
  return name.replace(OWN, '')
}

/** The query of a WebSocket's address. Without a name nothing of a job is told, but for what is told to all. */
export function searchAs(search: string, caller: string): string {
  const query = new URLSearchParams(search)
  // Of several a server may take any.
  const clientId = query.getAll('clientId').find((name) => name !== '')
  if (clientId !== undefined) query.set('clientId', callerSays(caller, clientId))
  return query.size > 0 ? `?${query.toString()}` : ''
}
