import { FrankentorchError, messageOf } from '../errors.ts'
import { container, type Host, type Requirements, requireHost } from '../libtorch/host.ts'
import type { Libtorch } from '../libtorch/locate.ts'
import { setupCommand } from '../libtorch/release.ts'
import { repairCommand } from '../libtorch/stub.ts'
import type { Cache, Machine } from './machine.ts'
import type { Trial } from './trial.ts'

/** One thing that was looked at. A problem says its cause, and the command or step that repairs it; a note is worth knowing. */
export interface Finding {
  subject: 'platform' | 'cpu' | 'cache' | 'libtorch' | 'addon' | 'cuda'
  state: 'ok' | 'note' | 'problem'
  found: string
}

/** Bytes that the wheel and what is unpacked from it need at once. */
const setupBytes = 700e6

export function platformFinding(host: Host, requirements: Requirements): Finding {
  const { platform, arch, glibc, node, nodeApi } = host
  const found = `${platform}-${arch}, glibc ${glibc}, Node ${node} with Node-API ${nodeApi}`
  return refused('platform', () => requireHost(host, requirements)) ?? { subject: 'platform', state: 'ok', found }
}

export function cpuFinding({ cpu, cores, cpuFeatures, memoryBytes }: Machine): Finding {
  const found = `${cpu}, ${cores} cores, ${cpuFeatures.join(' ') || 'no vector extensions'}, ${gigabytes(memoryBytes)} of memory`
  if (cpuFeatures.includes('avx2')) return { subject: 'cpu', state: 'ok', found }
  return { subject: 'cpu', state: 'note', found: `${found}. Without avx2 libtorch takes its slowest kernels` }
}

export function cacheFinding({ directory, writable, freeBytes }: Cache, needed: boolean): Finding {
  const found = `${directory}, ${gigabytes(freeBytes)} free`
  const remedy = `Use another directory: FRANKENTORCH_CACHE=DIR ${setupCommand}`
  const state = needed ? 'problem' : 'note'
  if (!writable) return { subject: 'cache', state, found: `${directory} cannot be written to. ${remedy}` }
  if (needed && freeBytes < setupBytes) {
    return {
      subject: 'cache',
      state,
      found: `${found}, but libtorch needs ${gigabytes(setupBytes)} to be set up. ${remedy}`,
    }
  }
  return { subject: 'cache', state: 'ok', found }
}

export function libtorchFinding(locate: () => Libtorch): Finding {
  let found = ''
  const refusal = refused('libtorch', () => {
    const { version, directory } = locate()
    found = `${version} at ${directory}`
  })
  return refusal ?? { subject: 'libtorch', state: 'ok', found }
}

export function addonFinding(trial: Trial): Finding {
  switch (trial.outcome) {
    case 'works':
      return {
        subject: 'addon',
        state: 'ok',
        found: `works with libtorch ${trial.torchVersion}, ${trial.threads} threads`,
      }
    case 'refused':
      return { subject: 'addon', state: 'problem', found: `${trial.message} (${trial.code})` }
    case 'hung':
      return {
        subject: 'addon',
        state: 'problem',
        found: `gave no answer for ${trial.seconds} s. Try one thread: OMP_NUM_THREADS=1 npx frankentorch doctor`,
      }
    case 'crashed': {
      const last = trial.stderr.trim().split('\n').at(-1)
      const words = last ? ` (${last})` : ''
      return {
        subject: 'addon',
        state: 'problem',
        found: `crashed the process that tried it: ${trial.how}${words}. ${remedyOf(trial.how)}`,
      }
    }
  }
}

export function cudaFinding({ nvidiaDriver }: Machine, trial: Trial): Finding {
  const devices = trial.outcome === 'works' ? trial.cudaDevices : 0
  if (devices > 0) return { subject: 'cuda', state: 'ok', found: `${devices} devices` }
  if (!nvidiaDriver) return { subject: 'cuda', state: 'ok', found: 'no NVIDIA driver; device cpu' }
  return {
    subject: 'cuda',
    state: 'note',
    found: `NVIDIA driver ${nvidiaDriver}, but this libtorch is for the CPU. From a clone: node scripts/build-cuda.mjs`,
  }
}

function remedyOf(how: string): string {
  if (how === 'SIGILL')
    return `This processor lacks an instruction of the addon's or libtorch's; run it on another machine`
  if (how === 'SIGKILL') return 'Was it the system, out of memory? Free some and run: npx frankentorch doctor'
  return `Install it anew: ${repairCommand()}; if it still crashes, try a system that is tested: ${container}`
}

function refused(subject: Finding['subject'], work: () => void): Finding | undefined {
  try {
    work()
    return undefined
  } catch (thrown) {
    const code = thrown instanceof FrankentorchError ? ` (${thrown.code})` : ''
    return { subject, state: 'problem', found: `${messageOf(thrown)}${code}` }
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
