/**
 * Confirms a change in a dialog, with the form that stands on a page of its own without script:
 * its effect by a dry run, a reason, and one post that works once.
 */
;(() => {
  'use strict'
  const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById('dialog'))
  if (!dialog) return

  /** What an answer without a form says of itself, as the reader is told it. */
  class Refusal extends Error {}

  /**
   * @param {string} url
   * @param {RequestInit} [init]
   * @returns {Promise<Element | 'changed' | 'leaving'>} the form that came back, that the change was made, or that the
   *   browser is on its way to where that is seen, or to the log-in; throws where the answer is none of these
   */
  async function ask(url, init) {
    const response = await fetch(url, { ...init, headers: { accept: 'text/html' } })
    if (sluiceLogin.isAt(response)) {
      sluiceLogin.go(init?.method === 'POST' ? 'unsent' : 'ended')
      return 'leaving'
    }
    if (response.redirected && new URL(response.url).pathname !== location.pathname) {
      location.assign(response.url)
      return 'leaving'
    }
    if (response.redirected) return 'changed'
    const isPage = response.headers.get('content-type')?.includes('text/html')
    const answer = new DOMParser().parseFromString(isPage ? await response.text() : '', 'text/html')
    const form = answer.getElementById('confirm')
    if (!form) throw new Refusal(answer.querySelector('main h1')?.textContent ?? '')
    return form
  }

  /**
   * Says in the dialog why nothing came of it; what was typed stays.
   * @param {HTMLFormElement} form
   * @param {unknown} cause
   */
  function tell(form, cause) {
    hush(form)
    const { failed = '', lost = '' } = dialog?.dataset ?? {}
    const words = cause instanceof Refusal ? [cause.message, failed] : [lost, failed]
    const notice = document.createElement('p')
    notice.className = 'field-error failure'
    notice.textContent = words.filter(Boolean).join(' ')
    notice.setAttribute('role', 'alert')
    form.prepend(notice)
  }

  /** @param {HTMLFormElement} form */
  function hush(form) {
    form.querySelector('.failure')?.remove()
  }

  document.addEventListener('click', async (event) => {
    const target = event.target instanceof Element ? event.target : null
    if (target?.closest('[data-close]') && dialog.open) {
      event.preventDefault()
      return dialog.close()
    }
    const opener = /** @type {HTMLAnchorElement | null} */ (target?.closest('a[data-confirm]') ?? null)
    if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    if (opener.getAttribute('aria-busy') === 'true') return
    opener.setAttribute('aria-busy', 'true')
    try {
      const form = await ask(opener.href)
      if (form === 'leaving') return
      if (form === 'changed') return location.assign(opener.href)
      dialog.replaceChildren(form)
      dialog.setAttribute('aria-labelledby', 'confirm-title')
      dialog.showModal()
      const field = /** @type {HTMLInputElement | null} */ (dialog.querySelector('input:not([type=hidden]), select'))
      field?.focus()
      field?.select?.()
    } catch {
      location.assign(opener.href)
    } finally {
      opener.removeAttribute('aria-busy')
    }
  })

  dialog.addEventListener('submit', async (event) => {
    event.preventDefault()
    const form = /** @type {HTMLFormElement} */ (event.target)
    const button = /** @type {HTMLButtonElement | null} */ (event.submitter)
    if (form.getAttribute('aria-busy') === 'true') return
    form.setAttribute('aria-busy', 'true')
    const fields = new URLSearchParams(/** @type {any} */ (new FormData(form)))
    try {
      if (button?.formMethod === 'get') await preview(form, fields)
      else await send(form, fields, button)
    } finally {
      form.removeAttribute('aria-busy')
    }
  })

  /**
   * Works once: while it is pending the button is off.
   * @param {HTMLFormElement} form
   * @param {URLSearchParams} fields
   * @param {HTMLButtonElement | null} button
   */
  async function send(form, fields, button) {
    if (button) button.disabled = true
    try {
      const answer = await ask(form.action, { method: 'POST', body: fields })
      if (answer === 'changed') {
        dialog?.close()
        dispatchEvent(new Event('sluice:changed'))
      } else if (answer !== 'leaving') dialog?.replaceChildren(answer)
    } catch (cause) {
      if (button) button.disabled = false
      tell(form, cause)
    }
  }

  let previews = 0

  /** Shows the effect of changed values, without touching what is being typed.
   * @param {HTMLFormElement} form
   * @param {URLSearchParams} fields
   */
  async function preview(form, fields) {
    const turn = ++previews
    fields.delete('version')
    try {
      const answer = await ask(`${form.action}?${fields}`)
      // An answer that was overtaken tells the effect of values that stand no more.
      if (typeof answer === 'string' || turn !== previews) return
      hush(form)
      for (const selector of ['#effect', 'input[name=shown]', 'button[type=submit]:not([data-show])']) {
        const [old, made] = [form.querySelector(selector), answer.querySelector(`form ${selector}`)]
        if (old && made) old.replaceWith(made)
      }
    } catch (cause) {
      if (turn === previews) tell(form, cause)
    }
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing
  dialog.addEventListener('input', (event) => {
    const field = event.target instanceof HTMLElement ? event.target : null
    const form = field?.closest('form')
    if (!field?.hasAttribute('data-preview') || !form) return
    clearTimeout(typing)
    typing = setTimeout(() => void preview(form, new URLSearchParams(/** @type {any} */ (new FormData(form)))), 250)
  })
})()
