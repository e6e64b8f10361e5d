/** Files that the bundler hands over as text (rules in wrangler.toml, a plugin in vitest.config.ts). */
declare module '*.css' {
  const text: string
  export default text
}
declare module '*.client.js' {
  const text: string
  export default text
}
declare module '*/uPlot.iife.min.js' {
  const text: string
  export default text
}
