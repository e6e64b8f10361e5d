/** What the page's scripts and uPlot leave on the page for one another. */
declare const uPlot: new (options: object, data: unknown[], element: HTMLElement) => unknown
declare var sluiceAnnotate: (
  plot: {
    ctx: CanvasRenderingContext2D
    bbox: DOMRect
    valToPos(value: number, scale: string, canvas: boolean): number
  },
  chart: {
    limit: { value: number; words: string } | null
    marks: { at: number; words: string; bad: boolean }[]
  },
  colour: (name: string) => string,
) => void
declare var sluiceCharts: { draw(): void } | undefined
