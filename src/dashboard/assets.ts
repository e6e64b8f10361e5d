/// <reference path="./text-files.d.ts" />
/** The pages' style and scripts, served from the bundle under names that change with their content. */
import uplotStyle from '../../node_modules/uplot/dist/uPlot.min.css'
import uplotScript from '../../node_modules/uplot/dist/uPlot.iife.min.js'
import chartsScript from './client/charts.client.js'
import dialogScript from './client/dialog.client.js'
import pageScript from './client/page.client.js'
import pageStyle from './style.css'

const JS = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const ROOT = '/_sluice/assets/'

/**
 * uPlot makes a number format of `navigator.language` as it loads, and dies where that is no tag at all: a machine with
 * the POSIX locale says `en-US@posix`. The page's own language is one, and the one its numbers should have.
 */
const uplot = `((navigator) => {
${uplotScript}
globalThis.uPlot = uPlot
})({ language: document.documentElement.lang })`

const files = {
  style: asset('style', 'css', CSS, `${uplotStyle}\n${pageStyle}`),
  uplot: asset('uplot', 'js', JS, uplot),
  charts: asset('charts', 'js', JS, chartsScript),
  dialog: asset('dialog', 'js', JS, dialogScript),
  page: asset('page', 'js', JS, pageScript),
}
type AssetName = keyof typeof files

interface Asset {
  name: string
  type: string
  text: string
}

function asset(stem: string, extension: string, type: string, text: string): Asset {
  return { name: `${stem}.${contentHash(text)}.${extension}`, type, text }
}

/** FNV-1a, 32 bits: it tells versions apart, it protects nothing. Synchronous, as start-up code must be. */
function contentHash(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

export function assetPath(name: AssetName): string {
  return ROOT + files[name].name
}

/** The file behind a path under `/_sluice/assets/`; null where there is none. Holds nothing secret: no log-in needed. */
export function assetResponse(pathname: string): Response | null {
  const file = Object.values(files).find(({ name }) => pathname === ROOT + name)
  if (!file) return null
  return new Response(file.text, {
    headers: {
      'content-type': file.type,
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    },
  })
}
