// Builds the addon into build/Release and the preload stub into build/preload, incrementally.
//   node scripts/build-native.mjs [LIBTORCH]
// LIBTORCH is a directory with lib/ and include/; by default what scripts/provision.mjs found or fetched.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const build = path.join(root, 'build')
const minimumCmake = [3, 25]

try {
  const libtorch = realpathSync(process.argv[2] ?? (await located()))
  requireTools()
  configure(libtorch)
  compile()
} catch (cause) {
  console.error(`build-native: ${cause.message}`)
  process.exitCode = 1
}

async function located() {
  if (!existsSync(path.join(root, 'dist/libtorch/locate.js'))) {
    throw new Error('Expected dist/libtorch, which `npm run compile` writes. Run: npm run provision')
  }
  const { locateLibtorch } = await import('../dist/libtorch/locate.js')
  return locateLibtorch().directory
}

function requireTools() {
  const install = installCommand()
  const cmake = spawnSync('cmake', ['--version'], { encoding: 'utf8' })
  const version = cmake.stdout?.match(/(\d+)\.(\d+)\.\d+/)
  const needed = minimumCmake.join('.')
  if (!version) throw new Error(`Expected CMake ≥ ${needed} but found no \`cmake\` on PATH. Run: ${install}`)
  const [major, minor] = [Number(version[1]), Number(version[2])]
  if (major < minimumCmake[0] || (major === minimumCmake[0] && minor < minimumCmake[1])) {
    throw new Error(
      `Expected CMake ≥ ${needed} but found ${version[0]}. Run: python3 -m pip install --user 'cmake>=${needed}'`,
    )
  }
  const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  if (!compilers.some(onPath)) {
    throw new Error(`Expected a C++20 compiler but found none of ${compilers.join(', ')} on PATH. Run: ${install}`)
  }
  if (!['ninja', 'make'].some(onPath)) {
    throw new Error(`Expected Ninja or Make but found neither \`ninja\` nor \`make\` on PATH. Run: ${install}`)
  }
}

function installCommand() {
  const commands = {
    'apt-get': 'sudo apt-get install -y cmake g++ ninja-build',
    dnf: 'sudo dnf install -y cmake gcc-c++ ninja-build',
    zypper: 'sudo zypper install -y cmake gcc-c++ ninja',
    pacman: 'sudo pacman -S --needed cmake gcc ninja',
  }
  return commands[Object.keys(commands).find(onPath) ?? 'apt-get']
}

function onPath(name) {
  return (process.env.PATH ?? '').split(path.delimiter).some((directory) => {
    try {
      accessSync(path.resolve(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function configure(libtorch) {
  const cache = path.join(build, 'CMakeCache.txt')
  const wanted = { FRANKENTORCH_LIBTORCH: libtorch, CMAKE_HOME_DIRECTORY: root }
  const found = existsSync(cache) ? readFileSync(cache, 'utf8') : ''
  const value = (name) => found.match(new RegExp(`^${name}:\\w+=(.*)$`, 'm'))?.[1]
  if (Object.keys(wanted).every((name) => value(name) === wanted[name])) return
  // A tree that was moved or copied keeps absolute paths of its old place.
  if (found && value('CMAKE_HOME_DIRECTORY') !== root) rmSync(build, { recursive: true })
  console.log(`build-native: configuring for libtorch at ${libtorch}`)
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
  const define = `--CDFRANKENTORCH_LIBTORCH=${libtorch}`
  run('CMake configure', process.execPath, [cmakeJs, 'configure', '--log-level', 'error', define])
}

function compile() {
  const jobs = Math.min(2, os.availableParallelism())
  console.log(`build-native: compiling with ${jobs} jobs`)
  run('the compilation', 'cmake', ['--build', build, '--config', 'Release', '--parallel', String(jobs)])
}

function run(task, command, args) {
  const env = { ...process.env }
  // npm hands its settings down; a `nodedir` among them makes cmake-js take that directory's headers.
  for (const name of Object.keys(env)) if (/^npm_config_nodedir$/i.test(name)) delete env[name]
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) throw new Error(`${task} failed (${signal ?? `exit status ${status}`}); the lines above say why`)
}
