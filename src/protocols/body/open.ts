/** Opens a submit's body by its content type. */
import { detail, SluiceError } from '../../core/errors.ts'
import { malformed, type FormBody } from './form-body.ts'
import { openJson } from './json.ts'
import { openMultipart } from './multipart.ts'
import { readParameters } from './part-headers.ts'
import { openUrlencoded } from './urlencoded.ts'

const ACCEPTED = 'application/json, multipart/form-data and application/x-www-form-urlencoded'
/** RFC 2046: up to 70 characters of this set, not ending in a blank. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/

/** Throws `unsupported_media_type` for other types or character sets, `malformed_body` for what does not read. */
export function openBody(bytes: Uint8Array<ArrayBuffer>, contentType: string | null): FormBody {
  if (contentType === null) throw unsupported('The request names no content type')
  const { type, parameters } = readParameters(contentType, 'content-type')
  const charset = parameters.get('charset')?.toLowerCase()
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw unsupported(`Character set ${charset} is not UTF-8`)
  switch (type) {
    case 'application/json':
      return openJson(bytes)
    case 'application/x-www-form-urlencoded':
      return openUrlencoded(bytes)
    case 'multipart/form-data': {
      const boundary = parameters.get('boundary') ?? ''
      if (!BOUNDARY.test(boundary)) throw malformed('content-type', 'names no usable boundary')
      return openMultipart(bytes, boundary)
    }
    default:
      throw unsupported(`Content type ${type} is not supported`)
  }
}

function unsupported(what: string): SluiceError {
  return new SluiceError('unsupported_media_type', `${what}; accepted are ${ACCEPTED}.`, {
    details: [detail('content-type', 'unsupported_type', `must be one of ${ACCEPTED}`)],
  })
}
