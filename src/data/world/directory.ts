import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { error, messageOf } from '../../errors.ts'

/** The file by which a finished world is known; it is the only kind of directory that `overwrite` deletes. */
export const manifestFile = 'world.json'

/**
 * Runs `build` on a temporary directory beside `out` and renames it to `out` when it succeeds; when it fails or is killed, `out` is as
 * it was. What a killed run left is removed by the next. Throws `ERR_OUTPUT` where `out` is in the way or cannot be written.
 */
export async function buildDirectory<T>(
  out: string,
  overwrite: boolean,
  build: (directory: string) => Promise<T>,
): Promise<T> {
  const target = resolve(out)
  const temporary = `${target}.world-partial`
  await refuseInTheWay(target, overwrite)
  try {
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary, { recursive: true })
    const built = await build(temporary)
    await replace(target, temporary)
    return built
  } catch (thrown) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    if (!(thrown instanceof Error && 'syscall' in thrown)) throw thrown
    throw error('ERR_OUTPUT', `Cannot write ${out}: ${messageOf(thrown)}`, { cause: thrown })
  }
}

async function refuseInTheWay(target: string, overwrite: boolean): Promise<void> {
  const names = await readdir(target).catch((thrown: NodeJS.ErrnoException): string[] => {
    if (thrown.code === 'ENOENT') return []
    throw error('ERR_OUTPUT', `Cannot use ${target} as the output directory: ${thrown.message}`, { cause: thrown })
  })
  if (names.length === 0) return
  const isWorld = names.includes(manifestFile)
  if (isWorld && overwrite) return
  const remedy = isWorld ? 'choose another directory or overwrite it (--overwrite)' : 'choose another directory'
  throw error('ERR_OUTPUT', `${target} exists and holds ${isWorld ? 'a world' : 'other files'}: ${remedy}`)
}

// A directory cannot be renamed over a full one, so the old one steps aside first.
async function replace(target: string, temporary: string): Promise<void> {
  const old = `${target}.world-replaced`
  await rm(old, { recursive: true, force: true })
  await rename(target, old).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== 'ENOENT') throw thrown
  })
  await rename(temporary, target).catch(async (thrown) => {
    await rename(old, target).catch(() => {})
    throw thrown
  })
  await rm(old, { recursive: true, force: true })
}
