/**
 * Draws the charts of a release's page with uPlot, from the figures that stand in the page: both
 * arms on one scale, with the limit and the moments at which something changed.
 */
;(() => {
  'use strict'
  /** @typedef {{ now: string, min: string, h: string, s: string, percent: string, control: string, candidate: string }} Words */
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

  /** @param {HTMLElement} element @param {string} text @param {Chart} first */
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
          draw: [(plot) => annotate(plot, held.chart)],
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

  /** @param {() => string} stroke @param {string} label @returns {uPlot.Series} */
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

  /** The limit stays in sight unless it would press the lines flat. @param {Chart} chart @param {number} max */
  function top(chart, max) {
    const data = max > 0 ? max : 0
    const limit = chart.limit && (data === 0 || chart.limit.value < data * 8) ? chart.limit.value : 0
    return Math.max(data, limit) * 1.2 || 1
  }

  /**
   * The limit as a dashed line, whose words stand in the caption, where no line runs through them; changes as vertical
   * marks.
   * @param {uPlot} plot
   * @param {Chart} chart
   */
  function annotate(plot, chart) {
    const { ctx, bbox } = plot
    const ratio = devicePixelRatio
    ctx.save()
    ctx.font = `${Math.round(11 * ratio)}px ${getComputedStyle(document.body).fontFamily}`
    ctx.lineWidth = ratio
    for (const { at, bad } of chart.marks) {
      const x = Math.round(plot.valToPos(at, 'x', true))
      ctx.strokeStyle = colour(bad ? 'bad' : 'soft')
      ctx.setLineDash(bad ? [] : [2 * ratio, 3 * ratio])
      stroke(ctx, x, bbox.top, x, bbox.top + bbox.height)
    }
    ctx.textAlign = 'left'
    ctx.textBaseline = 'bottom'
    for (const { x, words, bad } of labels(plot, chart)) {
      ctx.fillStyle = colour(bad ? 'bad' : 'soft')
      ctx.fillText(words.join(' → '), x, bbox.top - 2 * ratio)
    }
    const y = chart.limit ? plot.valToPos(chart.limit.value, 'y', true) : -1
    if (chart.limit && y >= bbox.top) {
      ctx.strokeStyle = colour('bad')
      ctx.setLineDash([5 * ratio, 4 * ratio])
      stroke(ctx, bbox.left, y, bbox.left + bbox.width, y)
    }
    ctx.restore()
  }

  /**
   * The marks' words, from left to right; those that have no room side by side are told as one: `1 % → 5 %`.
   * @param {uPlot} plot
   * @param {Chart} chart
   * @returns {{ x: number, words: string[], bad: boolean }[]}
   */
  function labels(plot, chart) {
    const { ctx, bbox } = plot
    const gap = 8 * devicePixelRatio
    const found = /** @type {{ x: number, words: string[], bad: boolean }[]} */ ([])
    for (const { at, words, bad } of chart.marks.toSorted((p, q) => p.at - q.at)) {
      let next = { x: Math.round(plot.valToPos(at, 'x', true)), words: [words], bad }
      for (;;) {
        const width = ctx.measureText(next.words.join(' → ')).width + gap
        // A label that would leave the picture at the right begins as far left as it needs.
        next.x = Math.min(next.x, bbox.left + bbox.width - width)
        const before = found.at(-1)
        if (!before || before.x + ctx.measureText(before.words.join(' → ')).width + gap <= next.x) break
        found.pop()
        const all = [...before.words, ...next.words]
        next = {
          x: before.x,
          words: all.length > 4 ? [all[0] ?? '', '…', ...all.slice(-2)] : all,
          bad: before.bad || next.bad,
        }
      }
      found.push(next)
    }
    return found
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
  function stroke(ctx, x1, y1, x2, y2) {
    ctx.beginPath()
    ctx.moveTo(x1, y1)
    ctx.lineTo(x2, y2)
    ctx.stroke()
  }

  /** Whole minutes or hours before now. @param {Chart} chart */
  function ticks({ from, to }) {
    const step = TICK_STEPS.find((each) => (to - from) / each <= 4) ?? (to - from) / 3
    return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => to - i * step).reverse()
  }

  /** @param {number} seconds @param {Words} words */
  function ago(seconds, words) {
    if (seconds < 1) return words.now
    const [n, unit] =
      seconds >= 7200 ? [seconds / 3600, words.h] : seconds >= 100 ? [seconds / 60, words.min] : [seconds, words.s]
    return `−${unit.replace('#', String(Math.round(n)))}`
  }

  /** @param {number} value @param {Chart} chart @param {Words} words */
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
