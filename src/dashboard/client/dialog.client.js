/**
 * Confirms a change in a dialog, with the form that stands on a page of its own without script:
 * its effect by a dry run, a reason, and one post that works once.
 */
;(() => {
  'use strict'
  const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById('dialog'))
  if (!dialog) return

  /**
   * @param {string} url
   * @param {RequestInit} [init]
   * @returns {Promise<{ form: Element | null, left: boolean }>} the form that came back, or that the change was made
   */
  async function ask(url, init) {
    const response = await fetch(url, { ...init, headers: { accept: 'text/html' } })
    if (new URL(response.url).pathname === '/_sluice/login') location.reload()
    if (response.redirected) return { form: null, left: true }
    const answer = new DOMParser().parseFromString(await response.text(), 'text/html')
    return { form: answer.getElementById('confirm') ?? answer.querySelector('main'), left: false }
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
      const { form } = await ask(opener.href)
      if (!form) return location.assign(opener.href)
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
    if (button?.formMethod === 'get') await preview(form, fields)
    else await send(form, fields, button)
    form.removeAttribute('aria-busy')
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
      const { form: returned, left } = await ask(form.action, { method: 'POST', body: fields })
      if (left) {
        dialog?.close()
        dispatchEvent(new Event('sluice:changed'))
      } else if (returned) dialog?.replaceChildren(returned)
    } catch {
      if (button) button.disabled = false
      const lost = document.getElementById('live-status')?.dataset.lost ?? ''
      const notice = Object.assign(document.createElement('p'), {
        className: 'field-error',
        textContent: lost,
      })
      notice.setAttribute('role', 'alert')
      form.prepend(notice)
    }
  }

  /** Shows the effect of changed values, without touching what is being typed.
   * @param {HTMLFormElement} form
   * @param {URLSearchParams} fields
   */
  async function preview(form, fields) {
    fields.delete('version')
    const { form: fresh } = await ask(`${form.action}?${fields}`)
    const next = fresh?.querySelector('form')
    if (!next) return
    for (const selector of ['#effect', 'input[name=shown]', 'button[type=submit]:not([data-show])']) {
      const [old, made] = [form.querySelector(selector), next.querySelector(selector)]
      if (old && made) old.replaceWith(made)
    }
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing
  dialog.addEventListener('input', (event) => {
    const field = event.target instanceof HTMLElement ? event.target : null
    const form = field?.closest('form')
    if (!field?.hasAttribute('data-preview') || !form) return
    clearTimeout(typing)
    typing = setTimeout(() => preview(form, new URLSearchParams(/** @type {any} */ (new FormData(form)))), 250)
  })
})()
