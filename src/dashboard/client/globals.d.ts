/** What the two page scripts and uPlot leave on the page for one another. */
declare const uPlot: new (options: object, data: unknown[], element: HTMLElement) => unknown
declare var sluiceCharts: { draw(): void } | undefined
