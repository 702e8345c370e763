import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { DownloadOptions } from '../download/download.ts'
import { withLock } from '../download/lock.ts'
import { error, FrankentorchError, messageOf } from '../errors.ts'
import { copyLibtorch } from './copy.ts'
import {
  cacheDirectory,
  cachedDirectory,
  cachedLibtorch,
  type Libtorch,
  marker,
  missingLibraries,
  namedLibtorch,
} from './locate.ts'
import type { PipOptions } from './pip.ts'
import { release as pinned, type Release, setupCommand } from './release.ts'
import { obtainWheel } from './wheel.ts'

export interface ProvisionOptions {
  /** Instead of the download site: the wheel as a file or URL, or a directory with `lib/` and `include/` to copy. */
  from?: string
  signal?: AbortSignal
  environment?: NodeJS.ProcessEnv
  release?: Release
  /** Receives one line for each thing that is begun. */
  report?: (line: string) => void
  /** Receives bytes done and bytes in all of what was reported last. */
  onProgress?: (done: number, total: number) => void
  download?: Pick<DownloadOptions, 'stall' | 'attempts' | 'pause'>
  pip?: Pick<PipOptions, 'commands' | 'onOutput'>
}

/**
 * The libtorch to build against and run with, fetched when there is none: `FRANKENTORCH_LIBTORCH` (unless `from` is given), else the per-user
 * cache, else `from`, else PyTorch's download site, else pip's index. Two calls at once, in one process or several, fetch once.
 * Throws `ERR_LIBTORCH_NOT_FOUND`, `ERR_LIBTORCH_VERSION`, `ERR_LIBTORCH_DOWNLOAD` or `ERR_ABORTED`; what had been downloaded by then stays for the next call.
 */
export async function provisionLibtorch(options: ProvisionOptions = {}): Promise<Libtorch> {
  const { environment = process.env, release = pinned, from, report, signal } = options
  const named = from === undefined ? namedLibtorch(environment) : undefined
  if (named) return named
  const directory = cachedDirectory(environment, release)
  const cached = cachedLibtorch(directory, release)
  if (cached) return cached
  const cache = cacheDirectory(environment)
  return translated(cache, signal, async () => {
    await mkdir(cache, { recursive: true })
    const onWait = () => report?.(`waiting for another setup, which holds ${directory}.lock`)
    return withLock(
      `${directory}.lock`,
      async () => {
        const fetched = cachedLibtorch(directory, release)
        if (fetched) return fetched
        await removeLeftovers(directory)
        await (isDirectory(from) ? copy(from!, directory, release, options) : fetchWheel(directory, release, options))
        return cachedLibtorch(directory, release)!
      },
      { onWait, signal },
    )
  })
}

async function fetchWheel(directory: string, release: Release, options: ProvisionOptions): Promise<void> {
  const cache = path.dirname(directory)
  const wheel = await obtainWheel(cache, release, options)
  const { unpackWheel } = await import('./unpack.ts')
  options.report?.(`unpacking to ${directory}`)
  const { version, variant, sha256 } = release
  await install(directory, { version, variant, wheel: release.wheel, sha256 }, async (temporary) => {
    await unpackWheel(wheel.file, temporary, { onProgress: options.onProgress })
    const missing = missingLibraries(temporary)
    if (missing.length === 0) return
    throw error(
      'ERR_LIBTORCH_DOWNLOAD',
      `Expected lib/${missing.join(', lib/')} in ${wheel.file} but found no such file`,
    )
  })
  if (wheel.ours) await rm(wheel.file)
  await rm(path.join(cache, `pip-${version}`), { recursive: true, force: true })
}

async function copy(from: string, directory: string, release: Release, { report }: ProvisionOptions): Promise<void> {
  const copiedFrom = path.resolve(from)
  report?.(`copying ${copiedFrom} to ${directory}`)
  const { version, variant } = release
  await install(directory, { version, variant, copiedFrom }, (temporary) =>
    copyLibtorch(copiedFrom, temporary, release),
  )
}

// Into a directory beside the final one, renamed when it is whole.
async function install(directory: string, origin: object, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${directory}.${randomUUID()}.tmp`
  try {
    await fill(temporary)
    await writeFile(path.join(temporary, marker), `${JSON.stringify(origin)}\n`)
    await rename(temporary, directory)
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true })
    throw cause
  }
}

// What a killed setup left, and a directory that is there but not whole.
async function removeLeftovers(directory: string): Promise<void> {
  const name = path.basename(directory)
  for (const sibling of await readdir(path.dirname(directory))) {
    const left = sibling === name || (sibling.startsWith(`${name}.`) && sibling.endsWith('.tmp'))
    if (left) await rm(path.join(path.dirname(directory), sibling), { recursive: true })
  }
}

function isDirectory(from: string | undefined): boolean {
  return from !== undefined && (statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false)
}

async function translated<Result>(cache: string, signal: AbortSignal | undefined, work: () => Promise<Result>) {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof FrankentorchError) throw cause
    if (signal?.aborted) {
      throw error('ERR_ABORTED', `The setup was interrupted. To go on with what has arrived, run: ${setupCommand}`, {
        cause,
      })
    }
    if (!(cause as NodeJS.ErrnoException).syscall) throw cause
    throw error(
      'ERR_LIBTORCH_DOWNLOAD',
      `Expected to write libtorch (about 700 MB with its download) under ${cache} but: ${messageOf(cause)}. Use another directory: FRANKENTORCH_CACHE=DIR ${setupCommand}`,
      { cause },
    )
  }
}
