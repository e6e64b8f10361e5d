/** What a role sees offered. The port refuses on its own what a role may not do. */
import { ROLES, type Role } from '../api/index.ts'

export function mayAct(role: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf('operator')
}

export function mayConfigure(role: Role): boolean {
  return role === 'admin'
}
