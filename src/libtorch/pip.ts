import { type SpawnOptionsWithoutStdio, spawn } from 'node:child_process'
import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { Unreachable } from '../download/download.ts'
import type { Release } from './release.ts'

export interface PipOptions {
  environment?: NodeJS.ProcessEnv
  /** The ways to start pip, tried in order until one exists. */
  commands?: readonly (readonly string[])[]
  /** Receives what pip prints. */
  onOutput?: (text: string) => void
}

const usual = [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']]

/**
 * Has pip download the wheel of `release` into `directory` from whatever index it is configured for, and returns its path.
 * Throws `Unreachable` when there is no pip, or pip finds no such wheel.
 */
export async function pipDownload(release: Release, directory: string, options: PipOptions = {}): Promise<string> {
  const { environment = process.env, commands = usual, onOutput } = options
  // PIP_RETRIES: without a network each retry of pip's waits for seconds. The platform is named because pip's own Python may be another one.
  const env = { ...environment, PIP_RETRIES: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' }
  const platform = ['--platform', 'manylinux_2_28_x86_64', '--implementation', 'cp', '--python-version', '3.11']
  const requirement = `torch==${release.version}+${release.variant}`
  const what = ['--no-deps', '--no-cache-dir', '--only-binary=:all:', '--progress-bar', 'off', '--dest', directory]
  await mkdir(directory, { recursive: true })
  const failures: string[] = []
  for (const [command, ...prefix] of commands) {
    const args = [...prefix, 'download', ...what, ...platform, requirement]
    const { code, output } = await run(command!, args, { env }, onOutput)
    if (code === 0) {
      const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'))
      if (wheel) return path.join(directory, wheel)
    }
    failures.push(`\`${[command, ...prefix].join(' ')}\` ${code === undefined ? 'does not run' : lastLine(output)}`)
  }
  await rm(directory, { recursive: true, force: true })
  throw new Unreachable(`pip download ${requirement}: ${failures.join('; ')}`)
}

interface Ended {
  /** Exit status; undefined when the program could not be started. */
  code: number | undefined
  output: string
}

function run(command: string, args: string[], options: SpawnOptionsWithoutStdio, onOutput?: (text: string) => void) {
  return new Promise<Ended>((resolve) => {
    let output = ''
    const child = spawn(command, args, options)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        onOutput?.(text)
      })
    }
    child.on('error', () => resolve({ code: undefined, output }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

function lastLine(output: string): string {
  return `says: ${output.trim().split('\n').at(-1) || 'nothing'}`
}
