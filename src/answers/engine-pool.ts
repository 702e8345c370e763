import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { error } from '../errors.ts'
import type { Task } from './engine-worker.ts'
import type { Verdict } from './verdict.ts'

/** How long the engine may take for one comparison, in milliseconds. */
const timeLimit = 2000
/** A starting worker loads the engine, on a busy machine slowly; that is not the comparison's fault. */
const startLimit = 60_000

let pool: Promise<Piscina> | undefined
let queue: Promise<unknown> = Promise.resolve()

/**
 * Compares two answers in the worker, one comparison after another. Past its time limit the worker is killed, the verdict is unknown by
 * `timeout`, and the next comparison gets a new worker. Rejects with `ERR_ABORTED` when `signal` aborts.
 */
export function compareInWorker(task: Task, signal?: AbortSignal): Promise<Verdict> {
  const turn = queue.then(() => runTask(task, signal))
  queue = turn.catch(() => undefined)
  return turn
}

async function runTask(task: Task, signal: AbortSignal | undefined): Promise<Verdict> {
  throwIfAborted(signal)
  pool ??= newPool()
  const current = await pool
  await current.run('ready', { signal: AbortSignal.timeout(startLimit) })
  throwIfAborted(signal)
  const killer = new AbortController()
  const kill = () => killer.abort()
  const timer = setTimeout(kill, timeLimit)
  signal?.addEventListener('abort', kill, { once: true })
  try {
    return await current.run(task, { signal: killer.signal })
  } catch (thrown) {
    throwIfAborted(signal)
    // killed for its time, or died of its memory: either way nothing is known
    if (killer.signal.aborted || exhausted(thrown)) return { equal: 'unknown', method: 'timeout' }
    throw thrown
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', kill)
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw error('ERR_ABORTED', 'Checking an answer was aborted by its signal', { cause: signal.reason })
}

function exhausted(thrown: unknown): boolean {
  return thrown instanceof RangeError || (thrown as NodeJS.ErrnoException)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
}

async function newPool(): Promise<Piscina> {
  // Node 20 cannot load TypeScript in a worker: sources under test run the compiled file
  const location = import.meta.url.endsWith('.ts') ? '../../dist/answers/engine-worker.js' : './engine-worker.js'
  const filename = fileURLToPath(new URL(location, import.meta.url))
  if (!existsSync(filename)) {
    throw error(
      'ERR_ENGINE',
      `Expected the answer checker's worker at ${filename} but it does not exist (run \`npm run compile\`)`,
    )
  }
  const { Piscina } = await import('piscina')
  return new Piscina({ filename, minThreads: 1, maxThreads: 1, resourceLimits: { maxOldGenerationSizeMb: 512 } })
}

/** Ends the worker of the answer checker, if one runs; the next check starts another. An idle worker does not keep the process alive. */
export async function close(): Promise<void> {
  const ending = pool
  pool = undefined
  await queue
  await (await ending)?.destroy()
}
