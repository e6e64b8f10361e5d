/**
 * Keeps a release's page up to date in place: listens to the stream, takes over what changed, says
 * when figures are old. Reading and acting work without it. Plain script: no module, no build;
 * charts.client.js draws, dialog.client.js asks.
 */
;(() => {
  'use strict'
  const LOGIN = '/_sluice/login'
  const SILENCE_MS = 5000
  const REFRESH_EVERY_MS = 1500
  /** Ages are told relative to now: even an unchanged release is drawn anew that often. */
  const REFRESH_AT_LEAST_MS = 10_000
  /** A pointer that has just come to rest on something is about to click it. */
  const ABOUT_TO_CLICK_MS = 1200
  /** Before silence counts as such, the page itself is asked. */
  const ASK_AFTER_MS = 3000

  globalThis.sluiceLogin = {
    isAt: ({ status, url }) => status === 401 || new URL(url).pathname === LOGIN,
    go: (why) => location.assign(`${LOGIN}?next=${encodeURIComponent(location.pathname + location.search)}&why=${why}`),
  }

  const main = /** @type {HTMLElement | null} */ (document.querySelector('main[data-live]'))
  if (!main) return

  /* Bringing the page up to date */

  let heardAt = Date.now()
  let refreshedAt = Date.now()
  let refreshing = false
  let refused = false
  let wanted = false
  let movedAt = 0
  addEventListener('pointermove', () => (movedAt = Date.now()), { passive: true })

  /** Whether something would be moved or changed under a pointer that is about to click it. */
  function aboutToClick() {
    return Date.now() - movedAt < ABOUT_TO_CLICK_MS && main?.querySelector('a:hover, summary:hover') !== null
  }

  async function refresh() {
    wanted = true
    if (refreshing || document.hidden) return
    if (Date.now() - refreshedAt < REFRESH_EVERY_MS || aboutToClick()) return
    refreshing = true
    wanted = false
    try {
      const response = await fetch(location.href, { headers: { accept: 'text/html' } })
      if (sluiceLogin.isAt(response)) return sluiceLogin.go('ended')
      if (response.redirected) return location.reload()
      refused = !response.ok
      if (refused) return
      const fresh = new DOMParser().parseFromString(await response.text(), 'text/html')
      const next = fresh.querySelector('main[data-live]')
      if (next && main) {
        morph(main, next)
        document.title = fresh.title
        globalThis.sluiceCharts?.draw()
      }
      heardAt = Date.now()
    } catch {
      refused = true // Said by `watch` once it lasts.
    } finally {
      refreshedAt = Date.now()
      refreshing = false
    }
  }

  /**
   * Makes `from` like `to` while keeping its elements: what has the focus keeps it, what is open stays open, and a
   * click that began on an element ends on it.
   * @param {Element} from
   * @param {Element} to
   */
  function morph(from, to) {
    // What the reader opened or shut stays so, until the page has a new reason of its own to open it.
    const own = from.getAttribute('data-opens') === to.getAttribute('data-opens') ? isOwn : isBrowsers
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !own(from, name)) from.removeAttribute(name)
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && !own(from, name)) from.setAttribute(name, value)
    }
    if (from.hasAttribute('data-keep')) return
    const before = [...from.childNodes]
    const after = [...to.childNodes]
    after.forEach((node, i) => {
      const old = before[i]
      if (!old) from.append(node)
      else if (!alike(old, node)) old.replaceWith(node)
      else if (old instanceof Element && node instanceof Element) morph(old, node)
      else if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue
    })
    before.slice(after.length).forEach((node) => node.remove())
  }

  /** Attributes that the page's scripts set. @param {Element} _element @param {string} name */
  function isBrowsers(_element, name) {
    return name === 'data-ready' || name === 'aria-busy'
  }

  /** Those, and what the reader set. @param {Element} element @param {string} name */
  function isOwn(element, name) {
    return isBrowsers(element, name) || (name === 'open' && element instanceof HTMLDetailsElement)
  }

  /** Whether one node may become the other: same kind and, where it has one, same id. @param {Node} a @param {Node} b */
  function alike(a, b) {
    if (a instanceof Element && b instanceof Element) return a.tagName === b.tagName && a.id === b.id
    return a.nodeType === b.nodeType && !(a instanceof Element)
  }

  /* The stream, and its silence */

  let lastState = ''
  /** The control plane answers, but nobody behind it: that it still beats says nothing of the figures. */
  let away = false
  const stream = new EventSource(/** @type {string} */ (main.dataset.stream))
  stream.addEventListener('state', (event) => {
    heardAt = Date.now()
    away = false
    if (event.data !== lastState) void refresh()
    lastState = event.data
  })
  stream.addEventListener('counters', () => {
    heardAt = Date.now()
    void refresh()
  })

  stream.addEventListener('unavailable', () => (away = true))
  stream.addEventListener('heartbeat', () => away || (heardAt = Date.now()))

  const status = /** @type {HTMLElement} */ (document.getElementById('live-status'))
  const breakGlass = /** @type {HTMLElement} */ (status.querySelector('.break-glass'))
  const words = /** @type {HTMLElement} */ (status.querySelector('.words'))

  const alert = /** @type {HTMLElement} */ (document.getElementById('live-alert'))
  let alerted = ''

  function watch() {
    const silentMs = Date.now() - heardAt
    const stale = silentMs > SILENCE_MS
    const lost = stale && (refused || away || stream.readyState !== EventSource.OPEN)
    document.body.classList.toggle('is-stale', stale)
    status.hidden = !stale
    breakGlass.hidden = !lost
    const { stale: staleWords = '', lost: lostWords = '' } = status.dataset
    const said = staleWords.replace('{age}', spanOf(silentMs / 1000))
    const text = stale ? (lost ? `${lostWords} ${said}` : said) : ''
    if (words.textContent !== text) words.textContent = text
    // Read out once, and not again with each second.
    const alerts = text && (lost ? lostWords : staleWords)
    if (alerted !== alerts) alert.textContent = text
    alerted = alerts
    // A stream that was refused is not opened again by itself: then the page is read instead.
    const asks = silentMs > ASK_AFTER_MS || stream.readyState === EventSource.CLOSED
    if (wanted || asks || Date.now() - refreshedAt > REFRESH_AT_LEAST_MS) void refresh()
  }
  setInterval(watch, 500)
  addEventListener('visibilitychange', () => void refresh())
  // A change that was made here is shown at once.
  addEventListener('sluice:changed', () => {
    refreshedAt = 0
    movedAt = 0
    void refresh()
  })

  /** @param {number} seconds */
  function spanOf(seconds) {
    const units = /** @type {{ s: string, min: string, h: string }} */ (JSON.parse(main?.dataset.units ?? '{}'))
    if (seconds < 60) return Math.floor(seconds) + units.s
    if (seconds < 3600) return Math.floor(seconds / 60) + units.min
    return Math.floor(seconds / 3600) + units.h
  }
})()
