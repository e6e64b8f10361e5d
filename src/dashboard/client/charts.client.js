/**
 * Draws the charts of a release's page with uPlot, from the figures that stand in the page: both
 * arms on one scale. annotations.client.js adds the limit and the marks.
 */
;(() => {
  'use strict'
  /**
   * @typedef {{ now: string, min: string, h: string, s: string, percent: string, control: string, candidate: string }} Words
   */
  const HEIGHT = 176
  /** Between the times below a chart, in seconds. */
  const TICK_STEPS = [120, 600, 3600, 28_800]
  /** @type {WeakMap<Element, any>} */
  const plots = new WeakMap()

  /** @param {string} name */
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
  const font = () => `11px ${getComputedStyle(document.body).fontFamily}`

  function draw() {
    for (const element of document.querySelectorAll('.figures:not([data-ready])')) {
      element.removeAttribute('open')
      element.setAttribute('data-ready', '')
    }
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.plot[data-chart]'))) {
      const text = /** @type {string} */ (element.dataset.chart)
      const held = plots.get(element)
      if (held?.text === text) continue
      const chart = /** @type {Chart} */ (JSON.parse(text))
      if (held && held.chart.unit === chart.unit) {
        Object.assign(held, { text, chart })
        held.plot.setData([chart.times, chart.control, chart.candidate])
      } else plots.set(element, make(element, text, chart))
    }
  }

  /**
   * @param {HTMLElement} element
   * @param {string} text
   * @param {Chart} first
   */
  function make(element, text, first) {
    const words = /** @type {Words} */ (JSON.parse(element.dataset.words ?? '{}'))
    /** @type {{ text: string, chart: Chart, plot: any }} */
    const held = { text, chart: first, plot: null }
    const axis = {
      stroke: () => colour('soft'),
      font: font(),
      ticks: { show: false },
      grid: { stroke: () => colour('line'), width: 1 },
    }
    element.replaceChildren()
    held.plot = new uPlot(
      {
        width: element.clientWidth || 480,
        height: HEIGHT,
        padding: [16, 24, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { size: 6 } },
        scales: {
          x: { time: false, range: () => [held.chart.from, held.chart.to] },
          y: { range: (_plot, _min, max) => [0, top(held.chart, max)] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 28,
            gap: 8,
            space: 80,
            splits: () => ticks(held.chart),
            values: (_plot, at) => at.map((t) => ago(held.chart.to - t, words)),
          },
          {
            ...axis,
            size: 56,
            space: 32,
            values: (_plot, at) => at.map((v) => valueText(v, held.chart, words)),
          },
        ],
        series: [{}, line(() => colour('control'), words.control), line(() => colour('candidate'), words.candidate)],
        hooks: {
          draw: [(plot) => sluiceAnnotate(plot, held.chart, colour)],
          setCursor: [(plot) => readOut(plot, element, held.chart, words)],
        },
      },
      [first.times, first.control, first.candidate],
      element,
    )
    new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== held.plot.width)
        held.plot.setSize({ width: element.clientWidth, height: HEIGHT })
    }).observe(element)
    return held
  }

  /**
   * @param {() => string} stroke
   * @param {string} label
   * @returns {uPlot.Series}
   */
  function line(stroke, label) {
    return {
      label,
      stroke,
      width: 2,
      spanGaps: false,
      points: {
        show: (plot, series) => isSparse(/** @type {(number | null)[]} */ (plot.data[series])),
        size: 5,
        fill: stroke,
      },
    }
  }

  /** Points that stand alone would be invisible as a line. @param {(number | null)[]} values */
  function isSparse(values) {
    return values.some((v, i) => v !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null)
  }

  /**
   * The limit stays in sight unless it would press the lines flat.
   * @param {Chart} chart
   * @param {number} max
   */
  function top(chart, max) {
    const data = max > 0 ? max : 0
    const limit = chart.limit && (data === 0 || chart.limit.value < data * 8) ? chart.limit.value : 0
    return Math.max(data, limit) * 1.2 || 1
  }

  /** Whole minutes or hours before now. @param {Chart} chart */
  function ticks({ from, to }) {
    const step = TICK_STEPS.find((each) => (to - from) / each <= 4) ?? (to - from) / 3
    return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => to - i * step).reverse()
  }

  /**
   * @param {number} seconds
   * @param {Words} words
   */
  function ago(seconds, words) {
    if (seconds < 1) return words.now
    const [n, unit] =
      seconds >= 7200 ? [seconds / 3600, words.h] : seconds >= 100 ? [seconds / 60, words.min] : [seconds, words.s]
    return `−${unit.replace('#', String(Math.round(n)))}`
  }

  /**
   * @param {number} value
   * @param {Chart} chart
   * @param {Words} words
   */
  function valueText(value, { unit }, words) {
    const digits = Number(value.toPrecision(3)).toLocaleString('en-US')
    return unit === 'count' ? digits : words[unit === 'percent' ? 'percent' : 's'].replace('#', digits)
  }

  /** @param {uPlot} plot @param {HTMLElement} element @param {Chart} chart @param {Words} words */
  function readOut(plot, element, chart, words) {
    const out = element.closest('figure')?.querySelector('.readout')
    if (!out) return
    const i = plot.cursor.idx
    if (i === null || i === undefined || (plot.cursor.left ?? 0) < 0) return void (out.textContent = '')
    const figure = (/** @type {number | null | undefined} */ v) =>
      v === null || v === undefined ? '–' : valueText(v, chart, words)
    const at = new Date((chart.times[i] ?? 0) * 1000).toISOString().slice(11, 19)
    out.textContent = `${at} · ${words.control} ${figure(chart.control[i])} · ${words.candidate} ${figure(chart.candidate[i])}`
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const element of document.querySelectorAll('.plot')) plots.get(element)?.plot.redraw(false, true)
  })
  globalThis.sluiceCharts = { draw }
  draw()
})()
