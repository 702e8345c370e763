import { constants, existsSync } from 'node:fs'
import { copyFile, cp, mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { error } from '../errors.ts'
import { libtorchAt } from './locate.ts'
import { type Release, setupCommand } from './release.ts'

// What unpack.ts takes out of a wheel.
const needed = /^lib(c10|torch|torch_cpu|gomp[^/]*)\.so/

/**
 * Copies the libtorch in `from`, a torch package of pip or the unpacked zip of pytorch.org, to `directory`, as far as the addon needs it.
 * Throws `ERR_LIBTORCH_NOT_FOUND`, and `ERR_LIBTORCH_VERSION` when it is of another version or for CUDA, whose libraries lie elsewhere.
 */
export async function copyLibtorch(from: string, directory: string, release: Release): Promise<void> {
  const remedy = `Name a libtorch ${release.version}, or let it be fetched: ${setupCommand}`
  const { lib, version } = libtorchAt(from, from, remedy)
  if (version !== release.version) {
    throw error(
      'ERR_LIBTORCH_VERSION',
      `Expected libtorch ${release.version} at ${from} but found ${version}. ${remedy}`,
    )
  }
  if (existsSync(path.join(lib, 'libtorch_cuda.so'))) {
    throw error(
      'ERR_LIBTORCH_VERSION',
      `Expected a libtorch for the CPU but ${from} is for CUDA and depends on libraries beside it. Use it where it is: FRANKENTORCH_LIBTORCH=${from}`,
    )
  }
  await mkdir(path.join(directory, 'lib'), { recursive: true })
  for (const name of (await readdir(lib)).filter((name) => needed.test(name))) {
    await copyFile(path.join(lib, name), path.join(directory, 'lib', name), constants.COPYFILE_FICLONE)
  }
  const include = path.join(from, 'include')
  if (existsSync(include)) await cp(include, path.join(directory, 'include'), { recursive: true })
}
