/** Debian's `promtool` and a real Prometheus on loopback, with a folder of its own, that scrapes one gateway. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort } from '../../demo/free-port.ts'
import { eventually } from './control-client.ts'

/** Whether both programs are there. */
export function isInstalled(): boolean {
  return ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).error === undefined)
}

/**
 * What it printed, and its exit code. Nothing waits while it works: kept connections that the gateway closes meanwhile
 * would be taken for open ones afterwards.
 */
export async function promtool(args: string[], input = ''): Promise<{ code: number | null; printed: string }> {
  const child = spawn('promtool', args)
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, printed }
}

export interface Sample {
  labels: Record<string, string>
  value: number
}

export interface ScrapeTarget {
  /** Of the gateway. */
  url: string
  token: string
  /** Rule file, from the project's root. */
  rules: string
}

export class Prometheus {
  readonly #process: ChildProcess
  readonly #url: string
  readonly #folder: string

  private constructor(child: ChildProcess, url: string, folder: string) {
    this.#process = child
    this.#url = url
    this.#folder = folder
    process.once('exit', this.#kill)
  }

  /** Scrapes and evaluates once a second, as the job `sluice`. */
  static async start({ url, token, rules }: ScrapeTarget): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-prometheus-'))
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [resolve(rules)],
      scrape_configs: [
        {
          job_name: 'sluice',
          metrics_path: '/_sluice/metrics',
          authorization: { credentials: token },
          static_configs: [{ targets: [new URL(url).host] }],
        },
      ],
    }
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
    const port = await freePort()
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    )
    const prometheus = new Prometheus(child, `http://127.0.0.1:${port}`, folder)
    try {
      await eventually(
        'Prometheus scrapes',
        () => prometheus.query('up{job="sluice"} == 1').catch(() => []),
        (samples) => samples.length > 0,
      )
    } catch (cause) {
      await prometheus.stop()
      throw cause
    }
    return prometheus
  }

  /** An instant query; throws on an expression that it can't read. `at` is unix seconds. */
  async query(expression: string, at?: number): Promise<Sample[]> {
    const result = await this.#ask<{ metric: Record<string, string>; value: [number, string] }>(expression, at)
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }

  /** When the one series of this selector was scraped in the seconds up to `at`, in unix seconds. */
  async times(selector: string, seconds: number, at: number): Promise<number[]> {
    const [series] = await this.#ask<{ values: [number, string][] }>(`${selector}[${seconds}s]`, at)
    return series?.values.map(([time]) => time) ?? []
  }

  async #ask<T>(expression: string, at?: number): Promise<T[]> {
    const parameters = new URLSearchParams({ query: expression, ...(at === undefined ? {} : { time: String(at) }) })
    const answer = await fetch(`${this.#url}/api/v1/query`, { method: 'POST', body: parameters })
    interface QueryAnswer {
      status: string
      error?: string
      data: { result: T[] }
    }
    const answered = (await answer.json()) as QueryAnswer
    if (answered.status !== 'success') throw new Error(`${expression}: ${answered.error}`)
    return answered.data.result
  }

  /** The one number of an expression that has just one; 0 where it has none. */
  async number(expression: string, at?: number): Promise<number> {
    const samples = await this.query(expression, at)
    if (samples.length > 1) throw new Error(`${expression} has ${samples.length} values`)
    return samples[0]?.value ?? 0
  }

  readonly #kill = () => {
    this.#process.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = new Promise((ready) => this.#process.once('exit', ready))
      this.#kill()
      await ended
    }
    process.off('exit', this.#kill)
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
}
