import { randomBytes } from 'node:crypto'
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { error, messageOf } from '../errors.ts'

interface Owner {
  pid: number
  /** Start of the process in clock ticks after boot: tells a reused pid from the owner. */
  started: string
  host: string
}

/**
 * Takes the lock file `path` and returns the function that gives it back. A lock whose process is dead is taken over.
 * Throws `ERR_RUN_LOCKED` while its owner lives, or when it was taken on another host, whose processes cannot be seen from here.
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const own: Owner = { pid: process.pid, started: (await startOf(process.pid)) ?? '', host: hostname() }
  const candidate = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  // `link` fails when the name exists, and the name appears with its content: no reader meets an empty lock.
  await writeFile(candidate, JSON.stringify(own))
  try {
    for (;;) {
      const taken = await link(candidate, path).then(
        () => true,
        (thrown: NodeJS.ErrnoException) => {
          if (thrown.code === 'EEXIST') return false
          throw error('ERR_OUTPUT', `Cannot create ${path}: ${messageOf(thrown)}`, { cause: thrown })
        },
      )
      if (taken) {
        await removeLeftovers(path)
        return () => rm(path, { force: true })
      }
      await removeStale(path, `${candidate}.stale`)
    }
  } finally {
    await rm(candidate, { force: true })
  }
}

// Two processes may find the same stale lock. Each moves whatever lies there aside and looks at what it got:
// the one that moved a living lock puts it back.
async function removeStale(path: string, aside: string): Promise<void> {
  const content = await readFile(path, 'utf8').catch(() => undefined)
  if (content === undefined) return
  await refuseIfAlive(path, content)
  await rename(path, aside).catch(() => {})
  const moved = await readFile(aside, 'utf8').catch(() => undefined)
  if (moved !== undefined && moved !== content) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

// A process killed while it took the lock leaves its candidate, perhaps still empty, and what it moved aside.
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue
    const file = join(dirname(path), name)
    const owner = parseOwner(await readFile(file, 'utf8').catch(() => ''))
    const dead = owner
      ? !(await mayLive(owner))
      : (await startOf(Number.parseInt(name.slice(prefix.length), 10))) === undefined
    if (dead) await rm(file, { force: true })
  }
}

async function refuseIfAlive(path: string, content: string): Promise<void> {
  const owner = parseOwner(content)
  if (owner === undefined || !(await mayLive(owner))) return
  const elsewhere = owner.host !== hostname()
  const remedy = elsewhere ? `if it is no longer running, delete ${path}` : 'wait for it, or choose another directory'
  throw error('ERR_RUN_LOCKED', `Process ${owner.pid} on ${owner.host} is writing this run (${path}): ${remedy}`)
}

async function mayLive({ pid, started, host }: Owner): Promise<boolean> {
  return host !== hostname() || (await startOf(pid)) === started
}

// A power cut can leave a lock without content; whoever held it is gone.
function parseOwner(content: string): Owner | undefined {
  try {
    return JSON.parse(content) as Owner
  } catch {
    return undefined
  }
}

async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The command name in parentheses may hold spaces; starttime is field 22, the 20th after it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}
