/** One worker of the guardrail bench: takes a cell, answers with its result, until it is ended. */
import { parentPort } from 'node:worker_threads'
import { type Cell, runCell } from './guardrails-cell.ts'
import { type LatencyCell, runLatency } from './latency-cell.ts'

parentPort?.on('message', (cell: Cell | LatencyCell) => {
  parentPort?.postMessage(cell.kind === 'latency' ? runLatency(cell) : runCell(cell))
})
