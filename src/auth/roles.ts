/** The four roles and their order. Who holds one is caller.ts' business. */

export const ROLES = ['viewer', 'tester', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Whether `role` may do what `needed` may: each role includes those before it. */
export function atLeast(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}

/** A claim's value as a role; the highest where it is a list; null where none of it is a role. */
export function roleOf(claim: unknown): Role | null {
  const named = Array.isArray(claim) ? claim : [claim]
  return ROLES.findLast((role) => named.includes(role)) ?? null
}
