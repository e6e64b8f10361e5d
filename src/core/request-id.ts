/** Which request ids of clients are taken over, by both planes alike. Making a new one is the caller's. */

/** The client's id if it is well-formed, else null. */
export function wellFormedRequestId(given: string | null | undefined): string | null {
  return given && /^[\w.:-]{1,128}$/.test(given) ? given : null
}
