/** Which fields of a submit act on the client's behalf: call somebody, store somewhere, name a person. */

/** No server of this wire spells it alike. In snake case, and as written in lower case. */
const ACTS = [
  /webhook|callback|notif|hook_?url/,
  /^(oss|s3|gcs|azure)_/,
  /(output|save|result|response)_?(dir|path|ur[il]|file)/,
  /^(save_to|push|push_to|on_complete|on_completion|on_finish|on_success|on_failure|on_error|on_done)$/,
  /^(user|user_id|safety_identifier|metadata)$/,
]
/** Words of stores and their addresses, also where what follows is written into one with them. */
const PLACE =
  /(^|_|s3|oss|gcs)(buckets?|uploads?|presigned|storage|endpoints?|destinations?)((ur[il]|name|id|key|path|type)s?)?(_|$)/
/** Buckets of a model: how much moves, and in which shape. */
const MODEL_BUCKET = /(^|_)((motion|aspect|ratio|size|resolution|reso)_buckets?|buckets?_(size|resolution|reso))(_|$)/
/** Only read. A video is also what is made, so the word alone is no proof, least of all before an address. */
const READ =
  /(^|_)(image|img|photo|picture|audio|voice|sound|reference|ref|mask|frame|keyframe|first|last|input|source|src)s?(_|$)/
const READ_VIDEO = /^(upload|storage|endpoint)_videos?$|^videos?_uploads?$/
const ADDRESS = /_ur[il]s?$/
/** What a model works from: its address is read and not written to. */
const INPUT = [
  /(^|_)(image|img|photo|picture|video|clip|audio|voice|sound|music|speech|media|file|asset)s?(_|$)/,
  /(^|_)(input|source|src|init|ref|reference|mask|frame|keyframe|first|last|start|end)s?(_|$)/,
  /(^|_)(control|condition|conditioning|driving|motion|pose|depth|face|subject|character)s?(_|$)/,
  /(^|_)(garment|background|style|prompt|lora|model|weights|checkpoint)s?(_|$)/,
]
/** What comes out of it, whatever it is a picture of. */
const OUTPUT = /(^|_)(out|output|result|response|save|saved|dest|generated|push|put|write|store)(_|$)/
/** Object stores and file servers. */
const STORE =
  /^\s*(s3[an]?|gs|gcs|az|azure|abfss?|wasbs?|oss|cosn?|obs|tos|bos|r2|b2|swift|minio|hdfs|s?ftps?|nfs|smb|webdavs?):\/\//i

export function actsForClient(name: string): boolean {
  const snake = snakeCase(name)
  const lower = name.toLowerCase()
  if (ACTS.some((word) => word.test(snake) || word.test(lower))) return true
  const readsOnly = () => (READ.test(snake) || READ_VIDEO.test(snake)) && !OUTPUT.test(snake)
  if (PLACE.test(snake)) return !MODEL_BUCKET.test(snake) && !readsOnly()
  return ADDRESS.test(snake) && !isInput(snake)
}

/** A place in a store, which the server would write to unless one of the keys down to it names an input. */
export function isStore(value: string): boolean {
  return STORE.test(value)
}

/** Whether a server reads what stands under this key, or writes to it. */
export function namesInput(name: string): boolean {
  return isInput(snakeCase(name))
}

function isInput(snake: string): boolean {
  return INPUT.some((word) => word.test(snake)) && !OUTPUT.test(snake)
}

function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase()
}
