/** What a key to sign with must be; which keys there are, `auth/keys.ts` reads. */

/** A shorter one can be guessed. */
export const MIN_KEY_CHARS = 16
