import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { error, messageOf } from '../errors.ts'

/**
 * Writes `path` so that a reader sees the old content or the new, never a part: temporary name in the same directory, fsync, rename.
 * Directories on the way are made. Throws `ERR_OUTPUT`.
 */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error('ERR_OUTPUT', `Cannot write ${path}: ${messageOf(thrown)}`, { cause: thrown })
  }
}

/** Removes what processes that were killed inside `writeAtomic` left in `directory` and below it. */
export async function removeStaleTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory, { recursive: true })) {
    const writer = /\.(\d+)\.[0-9a-f]{8}\.tmp$/.exec(name)?.[1]
    if (writer !== undefined && !isRunning(Number(writer))) await rm(join(directory, name), { force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** `value` as indented JSON with a final newline, written as `writeAtomic` does. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`)
}

/** Makes names created or renamed in `directory` survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A file that grows by whole lines, each on the disk before `append` returns. */
export class LineFile {
  readonly path: string
  /** Bytes of complete lines. */
  end: number
  private readonly file: FileHandle

  private constructor(path: string, file: FileHandle, end: number) {
    this.path = path
    this.file = file
    this.end = end
  }

  /** Opens or creates `path`. A last line without its newline, left by a killed process, is cut. Throws `ERR_OUTPUT`. */
  static async open(path: string): Promise<LineFile> {
    try {
      await mkdir(dirname(path), { recursive: true })
      const file = await open(path, 'a+')
      await syncDirectory(dirname(path))
      const content = await file.readFile()
      const lines = new LineFile(path, file, content.lastIndexOf(0x0a) + 1)
      if (lines.end < content.length) await lines.truncate(lines.end)
      return lines
    } catch (thrown) {
      throw error('ERR_OUTPUT', `Cannot open ${path} for appending: ${messageOf(thrown)}`, { cause: thrown })
    }
  }

  /** Appends each value as one line of JSON; all of them reach the disk in one write. */
  async append(values: readonly unknown[], { sync = true } = {}): Promise<void> {
    if (values.length === 0) return
    const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''))
    try {
      await this.file.appendFile(bytes)
      if (sync) await this.file.datasync()
    } catch (thrown) {
      throw error('ERR_OUTPUT', `Cannot append to ${this.path}: ${messageOf(thrown)}`, { cause: thrown })
    }
    this.end += bytes.length
  }

  /** What was appended without `sync` reaches the disk. */
  async sync(): Promise<void> {
    await this.file.datasync()
  }

  async truncate(end: number): Promise<void> {
    await this.file.truncate(end)
    await this.file.datasync()
    this.end = end
  }

  async close(): Promise<void> {
    await this.file.close()
  }
}
