import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

export interface LockOptions {
  /** Called once when another process holds the lock. */
  onWait?: () => void
  /** Milliseconds between looks at a held lock; default 250. */
  poll?: number
  /** Ends the waiting. */
  signal?: AbortSignal
}

// The holder touches its file; one that has not been touched for this long was left by a crash.
const heartbeat = 5_000
const abandoned = 30_000

/**
 * Runs `work` while no other process, of this or another machine that shares the directory, runs its own under the same lock file.
 * It spares the others a second download; that no half-written directory is ever seen does not rest on it, but on the rename at the end.
 */
export async function withLock<Result>(file: string, work: () => Promise<Result>, options: LockOptions = {}) {
  const { onWait, poll = 250, signal } = options
  const owner = JSON.stringify({ host: os.hostname(), pid: process.pid, id: randomUUID() })
  for (let waited = false; !(await take(file, owner)); ) {
    if (await isAbandoned(file)) {
      await remove(file)
      continue
    }
    if (!waited) onWait?.()
    waited = true
    await delay(poll, undefined, { signal })
  }
  const beat = setInterval(() => {
    const now = new Date()
    utimes(file, now, now).catch(() => {})
  }, heartbeat)
  beat.unref()
  try {
    return await work()
  } finally {
    clearInterval(beat)
    await remove(file)
  }
}

async function take(file: string, owner: string): Promise<boolean> {
  try {
    await writeFile(file, owner, { flag: 'wx' })
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw cause
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(file)
    if (Date.now() - mtimeMs > abandoned) return true
    const { host, pid } = JSON.parse(await readFile(file, 'utf8')) as { host: string; pid: number }
    return host === os.hostname() && !isAlive(pid)
  } catch {
    // Gone meanwhile, or not yet written to.
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}

// Of two that find the same abandoned lock only one wins the rename.
async function remove(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  try {
    await rename(file, aside)
    await rm(aside, { force: true })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
}
