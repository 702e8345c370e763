import { existsSync } from 'node:fs'
import path from 'node:path'
import { error, messageOf } from '../errors.ts'
import { linkerRemedy } from './host.ts'
import { type Libtorch, libraries, marker } from './locate.ts'
import { setupCommand } from './release.ts'
import { loadPreload, type Preload } from './stub.ts'

/**
 * Brings the libraries of `libtorch` into the process, so that the addon, which names them by soname, finds them there wherever they lie.
 * Must run before the addon loads. Throws `ERR_LIBTORCH_VERSION` when the addon was compiled against another version, `ERR_ADDON` when the stub or a library does not load.
 */
export function openLibtorch(libtorch: Libtorch, preload: Preload = loadPreload()): void {
  const { directory, lib, version } = libtorch
  if (version !== preload.torchVersion) {
    throw error(
      'ERR_LIBTORCH_VERSION',
      `Expected libtorch ${preload.torchVersion}, which the addon was built against, but ${directory} is ${version}. ` +
        `Unset FRANKENTORCH_LIBTORCH and run: ${setupCommand}`,
    )
  }
  for (const name of libraries) {
    try {
      preload.open(path.join(lib, name))
    } catch (cause) {
      const words = messageOf(cause)
      const remedy = linkerRemedy(words) || anotherLibtorch(directory)
      throw error('ERR_ADDON', `Expected ${name} of ${directory} to load but: ${words}. ${remedy}`, { cause })
    }
  }
}

function anotherLibtorch(directory: string): string {
  const away = existsSync(path.join(directory, marker)) ? `rm -r '${directory}'` : 'unset FRANKENTORCH_LIBTORCH'
  return `To use a fresh one, run: ${away} && ${setupCommand}`
}
