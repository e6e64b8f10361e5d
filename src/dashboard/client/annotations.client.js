/**
 * What a chart shows besides its lines: the limit, and the moments at which something changed. Plain script;
 * charts.client.js calls it each time it has drawn.
 */
;(() => {
  'use strict'
  /**
   * The limit as a dashed line, whose words stand in the caption, where no line runs through them; changes as vertical
   * marks.
   * @type {typeof sluiceAnnotate}
   */
  function annotate(plot, chart, colour) {
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

  globalThis.sluiceAnnotate = annotate
})()
