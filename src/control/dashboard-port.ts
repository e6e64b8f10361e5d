/**
 * What the dashboard asks for, answered by the functions behind the API's routes, with refusals as values. Forms go
 * through the API's own schemas: a page must not be a way around them.
 */
import * as v from 'valibot'
import type { Caller } from '../auth/caller.ts'
import type { Role } from '../auth/roles.ts'
import type { DashboardPort, PortResult } from '../dashboard/port.ts'
import { actionSchema, reasonSchema } from '../api/index.ts'
import { changeActSchema, changeEditSchema, proposalSchema, publishSchema, reviewSchema } from '../api/changes.ts'
import { asValue } from './ask.ts'
import type { ConfigChange } from './config-service.ts'
import { requireAtLeast } from './identity.ts'
import { valid } from './read-request.ts'
import type { ControlService } from './service.ts'

const PAGE_SIZE = 50

export function dashboardPort(
  service: ControlService,
  caller: Caller,
  environment: string,
  nowMs: number,
): DashboardPort {
  const { who } = caller
  const asRole = <T>(needed: Role, work: () => Promise<T>): Promise<PortResult<T>> =>
    result(async () => {
      requireAtLeast(needed, caller)
      return work()
    })
  const taken = <S extends v.GenericSchema>(schema: S, given: unknown) =>
    valid(schema, given, 'the change is not valid')
  const change = (reason: string, ifMatch: number | null, breakGlass: boolean): ConfigChange => ({
    ...taken(v.object({ reason: reasonSchema }), { reason }),
    who,
    ifMatch,
    breakGlass,
    dryRun: false,
  })
  return {
    environment,
    actor: { who, role: caller.role },
    nowMs,
    lastKnown: () => service.lastKnown(),
    releases: () => result(() => service.releases()),
    release: (name) => result(() => service.release(name)),
    history: (name, cursor) => result(() => service.history(name, cursor, PAGE_SIZE)),
    counters: (name, fromMs, toMs, stepMs) => result(() => service.counters(name, { fromMs, toMs, stepMs })),
    report: (name) => result(() => service.report(name)),
    jobs: (name, filter, cursor) => result(() => service.jobs(name, filter, cursor, PAGE_SIZE)),
    pairs: (name, cursor) => result(() => service.pairs(name, cursor, PAGE_SIZE)),
    config: (name) => result(() => service.config.view(name)),
    act: (name, command, ifMatch) =>
      asRole('operator', () => service.act(name, taken(actionSchema, command), who, ifMatch)),
    // Whoever may propose a change may see what it would be.
    checkConfig: (name, patch, ifMatch) =>
      asRole('operator', () => service.config.patch(name, patch, { ...change('', ifMatch, false), dryRun: true })),
    patchConfig: (name, patch, given, ifMatch, breakGlass) =>
      asRole('admin', () => service.config.patch(name, patch, change(given, ifMatch, breakGlass))),
    changes: (name) => result(() => service.changes.list(name, null)),
    change: (name, id) => result(() => service.changes.show(name, id)),
    propose: (name, proposal) =>
      asRole('operator', () => service.changes.propose(name, taken(proposalSchema, proposal), caller)),
    editChange: (name, id, edit) =>
      asRole('operator', () => service.changes.edit(name, id, taken(changeEditSchema, edit), caller)),
    actOnChange: (name, id, { act, breakGlass, ...given }) => {
      if (act === 'publish') {
        const publish = { ...given, break_glass: breakGlass }
        return asRole('admin', () => service.changes.publish(name, id, taken(publishSchema, publish), caller))
      }
      if (act !== 'approve' && act !== 'comment')
        return asRole('operator', () => service.changes[act](name, id, taken(changeActSchema, given), caller))
      const review = () => valid(reviewSchema, { ...given, verdict: act }, 'the review is not valid')
      return asRole('operator', () => service.changes.review(name, id, review(), caller))
    },
    versions: (name, before) => result(() => service.config.versions(name, before, PAGE_SIZE)),
    restore: (name, version, given, ifMatch, breakGlass) =>
      asRole('admin', () => service.config.restore(name, version, change(given, ifMatch, breakGlass))),
  }
}

async function result<T>(work: () => Promise<T>): Promise<PortResult<T>> {
  const done = await asValue(work)
  if ('value' in done) return { ok: true, value: done.value }
  const { code, message, details } = done.error
  return { ok: false, code, message, details }
}
