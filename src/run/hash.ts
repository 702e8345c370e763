import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hashJson } from '../canonical-json.ts'

export { canonicalJson, hashBytes, hashJson } from '../canonical-json.ts'

/** SHA-256 of a file's bytes in hexadecimal, streamed. */
export async function hashFile(path: string | URL, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk)
  return hash.digest('hex')
}

// What decides a checkpoint's answers: weights, configuration, tokenizer, template. README and licence do not, nor does what says how it was made.
const decisive = /^(?!merge\.json$|frozen\.json$).*\.(safetensors|json|jinja|txt)$/

/** SHA-256 over names and contents of the files of a checkpoint that decide its answers. Reads every weight once. */
export async function hashCheckpoint(directory: string, signal?: AbortSignal): Promise<string> {
  const names = (await readdir(directory)).filter((name) => decisive.test(name)).sort()
  const files: [string, string][] = []
  for (const name of names) files.push([name, await hashFile(join(directory, name), signal)])
  return hashJson(files)
}
