import { currentHost, type Host } from '../libtorch/host.ts'
import { cacheDirectory, type Libtorch, type LocateOptions, locateLibtorch } from '../libtorch/locate.ts'
import { addonRequirements } from '../libtorch/stub.ts'
import { version } from '../version.ts'
import {
  addonFinding,
  cacheFinding,
  cpuFinding,
  cudaFinding,
  type Finding,
  libtorchFinding,
  platformFinding,
} from './findings.ts'
import { type Cache, describeCache, describeMachine, type Machine } from './machine.ts'
import { type Trial, type TrialOptions, tryAddon } from './trial.ts'

export interface DoctorOptions extends LocateOptions {
  /** The machine to judge; by default this one. */
  host?: Host
  trial?: Pick<TrialOptions, 'file' | 'limit'>
}

/** What there is, and in `findings` what is wrong with it. */
export interface Diagnosis {
  /** No finding is a problem. */
  ok: boolean
  findings: Finding[]
  version: string
  host: Host
  machine: Machine
  cache: Cache
  libtorch?: Libtorch
  /** What became of the addon in a process of its own. */
  addon: Trial
}

/** Looks at everything the addon depends on, and tries it in a process of its own. Never throws for what it finds. */
export async function doctor(options: DoctorOptions = {}): Promise<Diagnosis> {
  const { environment = process.env, host = currentHost(), trial, ...release } = options
  const machine = describeMachine()
  let libtorch: Libtorch | undefined
  const libtorchFound = libtorchFinding(() => (libtorch = locateLibtorch({ environment, ...release })))
  const cache = await describeCache(cacheDirectory(environment))
  const platform = platformFinding(host, addonRequirements())
  const addon: Trial =
    platform.state === 'problem'
      ? { outcome: 'refused', code: 'ERR_PLATFORM', message: 'Not tried on this platform' }
      : await tryAddon({ environment, ...trial })
  const findings = [
    platform,
    cpuFinding(machine),
    cacheFinding(cache, libtorch === undefined && !environment.FRANKENTORCH_LIBTORCH),
    libtorchFound,
    // What is missing below it is said once.
    ...(libtorch || addon.outcome !== 'refused' ? [addonFinding(addon), cudaFinding(machine, addon)] : []),
  ]
  const ok = findings.every(({ state }) => state !== 'problem')
  return { ok, findings, version, host, machine, cache, libtorch, addon }
}
