/**
 * `npm run demo -- --once` tells the whole story and ends; without `--once`, as `npm start`, everything stays up until
 * Ctrl-C. With `--no-fault` the candidate stays healthy and ends at 100 %; with `--fault-shadow` it is broken from the
 * start and never gets past shadowing.
 */
import { parseArgs } from 'node:util'
import { CLIENT_WIRES, wireNamed } from './client-wires.ts'
import { portNamed } from './free-port.ts'
import { keepRunning } from './start.ts'
import { tellOnce } from './once.ts'

const USAGE = `[PORT=8787] npm start [-- --protocol NAME]    keeps gateway, backends and traffic running
npm run demo -- --once [--no-fault | --fault-shadow] [--protocol NAME]    tells the story once

NAME is what clients and backends speak: ${Object.keys(CLIENT_WIRES).join(', ')}`

const { once, help, wire, port, 'no-fault': noFault, 'fault-shadow': faultShadow } = given()
if (help) console.log(USAGE)
else if (once) await tellOnce(noFault ? 'completed' : faultShadow ? 'stopped-in-shadow' : 'rolled-back', wire)
else await keepRunning(wire, port)

function given() {
  const flag = { type: 'boolean', default: false } as const
  const protocol = { type: 'string', default: 'openai-videos' } as const
  try {
    const { values } = parseArgs({
      options: { once: flag, 'no-fault': flag, 'fault-shadow': flag, help: flag, protocol },
    })
    if (values['no-fault'] && values['fault-shadow']) throw new Error('--no-fault and --fault-shadow are two stories')
    if (!values.once && (values['no-fault'] || values['fault-shadow'])) throw new Error('such a story needs --once')
    // The story picks a free port.
    const port = values.once ? undefined : process.env['PORT']
    return { ...values, wire: wireNamed(values.protocol), port: portNamed(port ?? '8787') }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    console.error(USAGE)
    process.exit(2)
  }
}
