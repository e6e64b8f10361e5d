/** What a text is in the language of the page: each stands once, with its two languages beside one another. */
export interface Choose {
  (en: string, zh: string): string
  <T>(en: T, zh: NoInfer<T>): T
}
