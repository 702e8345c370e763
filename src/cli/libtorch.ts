import { FrankentorchError } from '../errors.ts'
import type { Libtorch } from '../libtorch/locate.ts'
import { interruption } from './interrupt.ts'

/** Fetches libtorch into the cache, with progress on stderr unless `quiet`. */
export async function fetchLibtorch(options: {
  quiet?: boolean
  from?: string
  signal?: AbortSignal
}): Promise<Libtorch> {
  const { quiet, ...rest } = options
  const { provisionProgress } = await import('../libtorch/progress.ts')
  const { provisionLibtorch } = await import('../libtorch/provision.ts')
  return provisionLibtorch({ ...(quiet ? {} : provisionProgress()), ...rest })
}

/**
 * Runs `command`; where it finds no libtorch, fetches one, with a notice, and runs it again: commands go on where they stopped.
 * Not when `FRANKENTORCH_NO_SETUP` is set, nor when `FRANKENTORCH_LIBTORCH` names the one to use.
 */
export async function withLibtorch(command: () => Promise<unknown>, quiet: boolean): Promise<void> {
  try {
    await command()
  } catch (thrown) {
    const missing = thrown instanceof FrankentorchError && thrown.code === 'ERR_LIBTORCH_NOT_FOUND'
    const { FRANKENTORCH_NO_SETUP, FRANKENTORCH_LIBTORCH } = process.env
    if (!missing || FRANKENTORCH_NO_SETUP || FRANKENTORCH_LIBTORCH) throw thrown
    if (!quiet) {
      process.stderr.write(
        'No libtorch found: running `frankentorch setup` first (FRANKENTORCH_NO_SETUP=1 prevents it)\n',
      )
    }
    await fetchLibtorch({ quiet, signal: interruption })
    await command()
  }
}
