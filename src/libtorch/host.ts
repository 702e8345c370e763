import { existsSync, readFileSync } from 'node:fs'
import { error } from '../errors.ts'

/** What the addon asks of the machine it runs on. */
export interface Host {
  platform: string
  arch: string
  /** Version of the C library; undefined where that is not glibc. */
  glibc: string | undefined
  node: string
  nodeApi: number
}

/** The newest symbols that a prebuilt addon asks for; scripts/prebuild.mjs writes them beside the stub. */
export interface Requirements {
  glibc: string
}

// manylinux_2_28, as libtorch's own libraries
const libtorchRequirements: Requirements = { glibc: '2.28' }
const nodeApiNeeded = 9

/** A system on which it runs, for those whose own does not. */
export const container = 'docker run --rm -it -v "$PWD:/work" -w /work node:22-bookworm bash'

export function currentHost(): Host {
  const { platform, arch, versions } = process
  return { platform, arch, glibc: glibcVersion(), node: versions.node, nodeApi: Number(versions.napi) }
}

/** What the addon beside `file`, a `requirements.json`, asks for; what libtorch asks for where there is none, as in a build from source. */
export function readRequirements(file: string): Requirements {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Requirements) : libtorchRequirements
}

/** Throws `ERR_PLATFORM` with the way out where the addon cannot run, which the dynamic linker would say less clearly. */
export function requireHost(host: Host, requirements: Requirements = libtorchRequirements): void {
  const { platform, arch, glibc, node, nodeApi } = host
  const elsewhere = `Run it in a container: ${container}`
  if (platform !== 'linux' || arch !== 'x64') {
    throw error(
      'ERR_PLATFORM',
      `Expected linux-x64 but this is ${platform}-${arch}, for which no addon is built yet. ${elsewhere}`,
    )
  }
  if (glibc === undefined) {
    throw error(
      'ERR_PLATFORM',
      `Expected glibc ≥ ${requirements.glibc} but this system has another C library (musl, as Alpine?), for which there is no libtorch. ${elsewhere}`,
    )
  }
  if (compareVersions(glibc, requirements.glibc) < 0) {
    throw error(
      'ERR_PLATFORM',
      `Expected glibc ≥ ${requirements.glibc}, which the addon was built for, but this system has ${glibc}. ${elsewhere}`,
    )
  }
  if (nodeApi < nodeApiNeeded) {
    throw error(
      'ERR_PLATFORM',
      `Expected Node-API ≥ ${nodeApiNeeded} (Node ≥ 20.17) but Node ${node} has ${nodeApi}. Run: npx -p node@22 node …`,
    )
  }
}

/** The way out of what the dynamic linker complains of, empty where its words are all there is to say. */
export function linkerRemedy(words: string): string {
  const [, library, version] = words.match(/version [`'](GLIBC|GLIBCXX|CXXABI)_([\d.]+)' not found/) ?? []
  if (library) return `This system's ${runtimes[library]} is older than ${version}. Run it in a container: ${container}`
  if (words.includes('static TLS block')) return `Run: GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 node …`
  return ''
}

const runtimes: Record<string, string> = { GLIBC: 'glibc', GLIBCXX: 'libstdc++', CXXABI: 'libstdc++' }

/** Negative where `a` is the older of two dotted versions. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function glibcVersion(): string | undefined {
  const { report } = process
  // Without this the report looks up the names of all open connections.
  Object.assign(report, { excludeNetwork: true })
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime
}
