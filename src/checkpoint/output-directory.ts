import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import { error, messageOf } from '../errors.ts'
import { exists } from './weights.ts'

// What this thread is writing right now, so that it does not take its own work for a leftover.
const inProgress = new Set<string>()

/**
 * Makes the directory `out` all at once: `write` fills a temporary directory beside it, which is renamed when it is
 * done and removed when it fails. Leftovers of processes that died are removed first.
 *
 * Throws `ERR_OUTPUT` when `out` exists or the disk has less than `bytes` free.
 */
export async function writeDirectory(
  out: string,
  bytes: number,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const target = path.resolve(out)
  await requireNew(target)
  const temporary = `${target}.partial-${process.pid}`
  if (inProgress.has(temporary)) throw error('ERR_OUTPUT', `${target} is already being written`)
  inProgress.add(temporary)
  try {
    await mkdir(path.dirname(target), { recursive: true })
    await removeLeftovers(target)
    await checkSpace(path.dirname(target), bytes)
    await mkdir(temporary)
    await write(temporary)
    await rename(temporary, target)
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true })
    if (cause instanceof Error && 'syscall' in cause) {
      throw error('ERR_OUTPUT', `${target} cannot be written: ${messageOf(cause)}`, { cause })
    }
    throw cause
  } finally {
    inProgress.delete(temporary)
  }
}

/** Throws `ERR_OUTPUT` when `directory` exists. */
export async function requireNew(directory: string): Promise<void> {
  if (await exists(directory)) {
    throw error('ERR_OUTPUT', `${directory} already exists (remove it, or choose another --out)`)
  }
}

/**
 * `writeDirectory` over a directory that may exist: readers see the old one until the new one is complete. A process killed between the two
 * renames leaves the old one aside, where `restoreDirectory` finds it.
 */
export async function replaceDirectory(
  out: string,
  bytes: number,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const target = path.resolve(out)
  await restoreDirectory(target)
  await writeDirectory(`${target}.new`, bytes, write)
  await rm(`${target}.old`, { recursive: true, force: true })
  if (await exists(target)) await rename(target, `${target}.old`)
  await rename(`${target}.new`, target)
  await rm(`${target}.old`, { recursive: true, force: true })
}

/** Ends a replacement that was cut short, so that `out` is the last complete directory, if there ever was one. */
export async function restoreDirectory(out: string): Promise<void> {
  const target = path.resolve(out)
  if (!(await exists(target)) && (await exists(`${target}.old`))) await rename(`${target}.old`, target)
  await rm(`${target}.new`, { recursive: true, force: true })
}

async function removeLeftovers(target: string): Promise<void> {
  const prefix = `${path.basename(target)}.partial-`
  for (const name of await readdir(path.dirname(target))) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : 0
    if (pid > 0 && (pid === process.pid || !isRunning(pid))) {
      await rm(path.join(path.dirname(target), name), { recursive: true, force: true })
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function checkSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < bytes) {
    throw error(
      'ERR_OUTPUT',
      `Expected ${gigabytes(bytes)} free in ${directory} but found ${gigabytes(bavail * bsize)}`,
    )
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`
}
