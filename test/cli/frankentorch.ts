import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { exitCodes, report } from '../../src/cli/failure.ts'
import { program } from '../../src/cli/program.ts'

// One thread: the models of tests are too small to share out, and a second one only waits for the first. Read when libtorch loads.
process.env.OMP_NUM_THREADS ??= '1'

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
    env: { ...process.env, DEBUG: '', ...env },
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

/** The same command in this process: quicker, for what does not depend on being one of its own. */
export async function inThisProcess(
  arguments_: readonly string[],
): Promise<Pick<Finished, 'code' | 'stdout' | 'stderr'>> {
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += text
      return true
    }),
  )
  try {
    const code = await program()
      .parseAsync(arguments_, { from: 'user' })
      .then(() => exitCodes.done, report)
    return { code, ...written }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}
