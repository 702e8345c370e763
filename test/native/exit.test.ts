import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { compile } from '../cli/frankentorch.ts'
import { tiny } from './models.ts'

const script = fileURLToPath(new URL('children/exiting.mjs', import.meta.url))
const works = ['loading', 'prefill', 'generation', 'preprocessing', 'reading']

beforeAll(compile)

/** How a process ends that does `what` and then leaves in the way of `how`. A crash would be a signal, a hang a SIGKILL. */
async function ending(how: string, what: string, environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [script, how, what, tiny], {
    env: { ...process.env, OMP_NUM_THREADS: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { stdout, stderr, code, signal }
}

describe.each(works)('while the engine is busy with %s', (what) => {
  test('process.exit() ends the process with its code', async () => {
    expect(await ending('exit', what)).toEqual({ stdout: 'working\n', stderr: '', code: 7, signal: null })
  })
})

test('process.exit() takes libtorch down only when nothing computes with it', async () => {
  // glibc's loader tells which libraries it takes down, which comes after all exit handlers.
  const takesDown = async (how: string) => {
    const { code, signal, stderr } = await ending(how, 'generation', { LD_DEBUG: 'files' })
    expect({ code, signal }).toEqual({ code: 7, signal: null })
    return /calling fini: .*libtorch_cpu/.test(stderr)
  }
  expect([await takesDown('exit'), await takesDown('ends')]).toEqual([false, true])
})

test('an uncaught error ends the process as ever', async () => {
  const { code, signal, stderr } = await ending('throw', 'generation')
  expect([code, signal]).toEqual([1, null])
  expect(stderr).toContain('Error: on purpose')
})

test('a process that ends by itself waits for its promises, and no longer', async () => {
  expect(await ending('ends', 'generation')).toEqual({
    stdout: `working\n${'done\n'.repeat(4)}`,
    stderr: '',
    code: 7,
    signal: null,
  })
})

test('SIGINT interrupts at once', async () => {
  expect(await ending('interrupt', 'generation')).toMatchObject({ stderr: '', code: null, signal: 'SIGINT' })
})
