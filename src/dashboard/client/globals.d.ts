/** What the page's scripts leave on the page for one another; uPlot declares itself. */
import type { Chart as DrawnChart } from '../series.ts'

declare global {
  type Chart = DrawnChart
  /** Left by page.client.js: where a session that has ended is begun anew. */
  var sluiceLogin: { isAt(response: Response): boolean; go(why: 'ended' | 'unsent'): void }
  var sluiceCharts: { draw(): void } | undefined
}
