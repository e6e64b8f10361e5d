/**
 * What the dashboard asks for, answered by the functions behind the API's routes. Forms go
 * through the API's own schemas: a page must not be a way around them.
 */
import * as v from 'valibot'
import type { Caller } from '../auth/caller.ts'
import type { Role } from '../auth/roles.ts'
import type { DashboardPort, LiveChange } from '../dashboard/port.ts'
import { actionSchema, reasonSchema } from '../api/index.ts'
import { changeActSchema, changeEditSchema, proposalSchema, publishSchema, reviewSchema } from '../api/changes.ts'
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
  const asRole =
    <A extends unknown[], T>(needed: Role, work: (...asked: A) => Promise<T>) =>
    async (...asked: A): Promise<T> => {
      requireAtLeast(needed, caller)
      return work(...asked)
    }
  const taken = <S extends v.GenericSchema>(schema: S, given: unknown) =>
    valid(schema, given, 'the change is not valid')
  const by = ({ reason, ...change }: LiveChange): ConfigChange => ({
    ...change,
    ...taken(v.object({ reason: reasonSchema }), { reason }),
    who,
    dryRun: false,
  })
  const { config, changes } = service
  return {
    environment,
    actor: { who, role: caller.role },
    nowMs,
    lastKnown: service.lastKnown,
    releases: service.releases,
    release: service.release,
    history: (name, cursor) => service.history(name, cursor, PAGE_SIZE),
    counters: service.counters,
    report: service.report,
    jobs: (name, filter, cursor) => service.jobs(name, filter, cursor, PAGE_SIZE),
    pairs: (name, cursor) => service.pairs(name, cursor, PAGE_SIZE),
    config: config.view,
    act: asRole('operator', (name, command, ifMatch) => service.act(name, taken(actionSchema, command), who, ifMatch)),
    // Whoever may propose a change may see what it would be.
    checkConfig: asRole('operator', config.preview),
    patchConfig: asRole('admin', (name, patch, change) => config.patch(name, patch, by(change))),
    changes: (name) => changes.list(name, null),
    change: changes.show,
    propose: asRole('operator', (name, proposal) => changes.propose(name, taken(proposalSchema, proposal), caller)),
    editChange: asRole('operator', (name, id, edit) => changes.edit(name, id, taken(changeEditSchema, edit), caller)),
    actOnChange: asRole('operator', async (name, id, { act, breakGlass, ...given }) => {
      if (act === 'publish') {
        requireAtLeast('admin', caller)
        return changes.publish(name, id, taken(publishSchema, { ...given, break_glass: breakGlass }), caller)
      }
      if (act !== 'approve' && act !== 'comment') return changes[act](name, id, taken(changeActSchema, given), caller)
      const review = valid(reviewSchema, { ...given, verdict: act }, 'the review is not valid')
      return changes.review(name, id, review, caller)
    }),
    versions: (name, before) => config.versions(name, before, PAGE_SIZE),
    restore: asRole('admin', (name, version, change) => config.restore(name, version, by(change))),
  }
}
