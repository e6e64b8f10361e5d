/** Processes of a measurement: pinned to a core each side, and what they have used so far. Linux only. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:net'

/** What is measured has a core to itself where there are two; backends and load share the other. */
const CORE = { measured: '1', others: '0' } as const
const NANOSECONDS_A_TICK = 1e7
const mayPin = availableParallelism() > 1 && spawnSync('taskset', ['-V']).status === 0

export interface Running {
  pid: number
  stop: () => Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Resolves when it listens on `port`. */
export async function start(side: keyof typeof CORE, command: readonly string[], port: number): Promise<Running> {
  const [program, ...args] = mayPin ? ['taskset', '-c', CORE[side], ...command] : command
  const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
  running.add(child)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void ended.then(() => running.delete(child))
  for (let tries = 0; !(await listens(port)); tries++) {
    if (child.exitCode !== null || tries > 200)
      throw new Error(`${command.join(' ')} does not listen on ${port}: ${said}`)
    await sleep(50)
  }
  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000)
    await ended
    clearTimeout(timer)
  }
  return { pid: child.pid!, stop }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/**
 * CPU seconds of a process and its children so far, by the scheduler's own clock. What the kernel samples a hundred times a
 * second (`stat`) is far off for work that timers begin: an idle release seemed to cost ten times what it does.
 */
export function cpuSeconds(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + (nanosecondsOf(each) ?? sampledNanosecondsOf(each)), 0) / 1e9
}

/** Of all its threads; null where the kernel does not tell, or the process has ended. */
function nanosecondsOf(pid: number): number | null {
  const folder = `/proc/${pid}/task`
  const threads = existsSync(folder) ? readdirSync(folder).map((thread) => read(`${folder}/${thread}/schedstat`)) : ['']
  if (threads.includes('')) return null
  return threads.reduce((sum, schedstat) => sum + Number(schedstat.split(' ')[0]), 0)
}

function sampledNanosecondsOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * NANOSECONDS_A_TICK
}

/** Resident memory of a process and its children, in MB. */
export function residentMb(pid: number): number {
  return treeOf(pid).reduce(
    (sum, each) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${each}/status`))?.[1] ?? 0) / 1024,
    0,
  )
}

function treeOf(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
  return [pid, ...children.flatMap(treeOf)]
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** CPU seconds so far of each workerd that a `wrangler dev` in this folder has started. */
export function runtimeCpuSeconds(folder: string): number {
  return execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('workerd') && line.includes('serve'))
    .map((line) => line.trim().split(' ')[0]!)
    .filter((pid) => read(`/proc/${pid}/environ`).includes(folder))
    .reduce((sum, pid) => sum + cpuSeconds(Number(pid)), 0)
}
