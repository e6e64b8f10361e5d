/** Vite reads such an import as the file's text. */
declare module '*.toml?raw' {
  const text: string
  export default text
}
