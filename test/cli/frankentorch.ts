import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const main = join(root, 'dist/cli/main.js')

/** Compiles the package when a source is newer than what it was compiled to, so that a test never runs an old command. */
export function compile(): void {
  const newest = Math.max(
    ...readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  )
  const compiled = statSync(main, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (compiled >= newest) return
  // Type errors are the type check's to report; what matters here is that the command was compiled.
  spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: root,
  })
  if ((statSync(main, { throwIfNoEntry: false })?.mtimeMs ?? 0) < newest)
    throw new Error('The package could not be compiled (npm run compile)')
}

/** Starts `frankentorch` as a user's shell would. */
export function start(
  arguments_: readonly string[],
  { cwd, env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
) {
  return spawn(process.execPath, [main, ...arguments_], {
    cwd,
    // One thread: the models of tests are too small to share out, and a second one only waits for the first.
    env: { ...process.env, DEBUG: '', OMP_NUM_THREADS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export async function finish(child: ReturnType<typeof start>): Promise<Finished> {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child as ChildProcess, 'close'),
  ])
  return { code, signal, stdout, stderr }
}

export async function frankentorch(
  arguments_: readonly string[],
  options?: { cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<Finished> {
  return finish(start(arguments_, options))
}
