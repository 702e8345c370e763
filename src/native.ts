import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { error, FrankentorchError, isErrorCode, messageOf } from './errors.ts'
import { currentHost, linkerRemedy, requireHost } from './libtorch/host.ts'
import { locateLibtorch } from './libtorch/locate.ts'
import { openLibtorch } from './libtorch/open.ts'
import { addonRequirements, repairCommand, root } from './libtorch/stub.ts'
import type { EngineCalls } from './native/engine.ts'
import type { FileCalls } from './native/files.ts'
import type { CancellationHandle } from './native/handles.ts'
import type { HookCalls } from './native/hooks.ts'
import type { ImageCalls } from './native/images.ts'
import type { ModelCalls } from './native/model.ts'
import type { TensorCalls } from './native/tensors.ts'
import type { TrainingCalls } from './native/training.ts'

export type * from './native/engine.ts'
export type * from './native/files.ts'
export type * from './native/handles.ts'
export type * from './native/hooks.ts'
export type * from './native/images.ts'
export type * from './native/model.ts'
export type * from './native/tensors.ts'
export type * from './native/training.ts'

/** What binding/ exports. Everything that computes returns a promise; nothing here waits. */
export interface Native extends EngineCalls, TensorCalls, FileCalls, ImageCalls, HookCalls, ModelCalls, TrainingCalls {}

/** Holds the point while a hook's callback runs: the engine waits for it and serves tensor programs alone. */
export const insideCallback = new AsyncLocalStorage<string>()

const failures = new Map<number, unknown>()

/** Keeps what a callback threw for the call that waits for its answer; returns what forgets it. */
export function rememberFailure(question: number, thrown: unknown): () => void {
  failures.set(question, thrown)
  return () => failures.delete(question)
}

let loaded: Native | undefined

/** The addon, loaded at the first call together with libtorch. Throws `ERR_PLATFORM`, `ERR_LIBTORCH_NOT_FOUND`, `ERR_LIBTORCH_VERSION` or `ERR_ADDON`. */
export function native(): Native {
  loaded ??= load()
  return loaded
}

/** Throws `ERR_ABORTED` where `signal` has fired already. */
export function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw error('ERR_ABORTED', 'The work was aborted before it began', { cause: signal.reason })
}

/** Work that `signal` aborts: gives `work` a cancellation to pass on, and cancels it when the signal fires. */
export async function abortable<T>(
  signal: AbortSignal | undefined,
  work: (cancellation: CancellationHandle | undefined) => Promise<T>,
): Promise<T> {
  if (!signal) return work(undefined)
  requireNotAborted(signal)
  const cancellation = native().createCancellation()
  const cancel = () => native().cancel(cancellation)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return await work(cancellation)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

function load(): Native {
  requireHost(currentHost(), addonRequirements())
  openLibtorch(locateLibtorch())
  try {
    const find = createRequire(import.meta.url)('node-gyp-build') as (directory: string) => Native
    const addon = find(root)
    // A worker's end waits for its engine.
    if (isMainThread) process.once('exit', () => addon.beforeExit())
    return translated(addon)
  } catch (cause) {
    const words = messageOf(cause)
    const remedy = linkerRemedy(words) || `Run: ${repairCommand()}`
    throw error('ERR_ADDON', `The addon could not be loaded: ${words}. ${remedy}`, { cause })
  }
}

// Native errors are bare; what leaves here has its class, and the stack of the call.
function translated(addon: Native): Native {
  const wrapped: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(addon)) {
    wrapped[name] =
      typeof value === 'function' ? translatedFunction(name, value as (...args: unknown[]) => unknown) : value
  }
  return wrapped as unknown as Native
}

// Anything else would wait in the engine's queue behind the very call whose callback this is.
const servedInsideCallbacks: ReadonlySet<string> = new Set([
  'runProgram',
  'tensorData',
  'tensorBytes',
  'tensorFromData',
  'disposeTensor',
  'memory',
  'createProgram',
  'disposeProgram',
  'programTensors',
  'dryRunProgram',
  'operatorSchemas',
  'createCancellation',
  'cancel',
  'answer',
  'onQuestion',
  'crossings',
])

function translatedFunction(name: string, call: (...args: unknown[]) => unknown) {
  const refused = !servedInsideCallbacks.has(name)
  return (...args: unknown[]) => {
    const point = refused ? insideCallback.getStore() : undefined
    if (point !== undefined)
      throw error(
        'ERR_REENTRANT',
        `${name} was called from a hook's callback at ${point}, while the engine waits for it: only tensor programs are served there`,
      )
    try {
      const result = call(...args)
      return result instanceof Promise ? settled(result) : result
    } catch (thrown) {
      throw translatedError(thrown)
    }
  }
}

// `await` rather than `catch()`: the error made here then carries the frames of the callers that wait.
async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (thrown) {
    throw translatedError(thrown)
  }
}

function translatedError(thrown: unknown): unknown {
  if (thrown instanceof FrankentorchError || !(thrown instanceof Error)) return thrown
  const { code, detail } = thrown as { code?: unknown; detail?: unknown }
  if (code === 'ERR_CALLBACK') {
    const question = Number(detail)
    const own = failures.get(question)
    failures.delete(question)
    return own
  }
  return isErrorCode(code) ? error(code, thrown.message, { cause: thrown }) : thrown
}
