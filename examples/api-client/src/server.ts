/** Which control plane, and as whom: `SLUICE_URL` and `SLUICE_TOKEN`. */
export const url = (process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8787').replace(/\/$/, '')
export const token = process.env['SLUICE_TOKEN'] ?? ''
