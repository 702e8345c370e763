import { existsSync, readFileSync } from 'node:fs'
import { access, constants, statfs } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

export interface Machine {
  cpu: string
  cores: number
  /** Those instruction sets that libtorch's and our kernels make use of. */
  cpuFeatures: string[]
  memoryBytes: number
  /** Version of NVIDIA's driver; undefined without one. */
  nvidiaDriver?: string
}

export interface Cache {
  directory: string
  writable: boolean
  freeBytes: number
}

const features = ['avx', 'avx2', 'fma', 'f16c', 'avx512f', 'avx512_bf16', 'avx512_vnni', 'amx_bf16', 'amx_int8']

export function describeMachine(): Machine {
  const flags = new Set(
    read('/proc/cpuinfo')
      .match(/^flags\s*:\s*(.*)$/m)?.[1]
      ?.split(' '),
  )
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    cpuFeatures: features.filter((name) => flags.has(name)),
    memoryBytes: os.totalmem(),
    nvidiaDriver: read('/proc/driver/nvidia/version').match(/Kernel Module[^\d]*([\d.]+)/)?.[1],
  }
}

/** The cache, or what will hold it once it is made. */
export async function describeCache(directory: string): Promise<Cache> {
  let existing = directory
  while (!existsSync(existing)) existing = path.dirname(existing)
  const writable = await access(existing, constants.W_OK).then(
    () => true,
    () => false,
  )
  const { bavail, bsize } = await statfs(existing)
  return { directory, writable, freeBytes: bavail * bsize }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
