import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { error, messageOf } from '../errors.ts'
import { writeJson } from '../run/files.ts'

const Entry = z.looseObject({ text: z.string() })

/** Replies by the hash of what was asked, a file each. Several processes may share a directory. */
export class ReplyCache {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** The reply stored under `hash`, or undefined; a damaged file counts as none. */
  async get(hash: string): Promise<string | undefined> {
    const content = await readFile(this.#path(hash), 'utf8').catch(() => undefined)
    if (content === undefined) return undefined
    try {
      return Entry.parse(JSON.parse(content)).text
    } catch {
      return undefined
    }
  }

  /** Stores a reply with what it is about, for a reader of the file. Throws `ERR_OUTPUT`. */
  async put(hash: string, entry: { text: string; model: string; purpose: string }): Promise<void> {
    await mkdir(this.#directory, { recursive: true }).catch((thrown) => {
      throw error('ERR_OUTPUT', `Cannot create ${this.#directory}: ${messageOf(thrown)}`, { cause: thrown })
    })
    await writeJson(this.#path(hash), entry)
  }

  #path(hash: string): string {
    return join(this.#directory, `${hash}.json`)
  }
}
