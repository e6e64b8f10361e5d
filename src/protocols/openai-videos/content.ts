/** What a download of this wire asks for, and which content types a video may come under. */

/** `variant=thumbnail` and `variant=spritesheet` ask for pictures, which not every backend makes. */
export function asksForVideo(query: URLSearchParams): boolean {
  return query.getAll('variant').every((variant) => variant === 'video')
}

/** What is known to be none: pages, JSON, plain text. */
const NO_VIDEO = /^(text\/.*|application\/(xml|xhtml\+xml|javascript|x-www-form-urlencoded|x-ndjson|([\w.-]+\+)?json))$/

/**
 * Any type but those that are known to be no video: besides `video/mp4` backends say `application/mp4`,
 * `binary/octet-stream`, `multipart/byteranges` for several ranges, or nothing at all.
 */
export function isVideoType(contentType: string | null): boolean {
  const [essence = ''] = (contentType ?? '').split(';')
  return !NO_VIDEO.test(essence.trim().toLowerCase())
}
