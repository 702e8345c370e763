import { expected } from '../check.ts'
import { insideCallback, type NativeQuestion, native, rememberFailure } from '../native.ts'
import type { Expression } from '../tensor/expression.ts'
import { Tensor } from '../tensor/tensor.ts'

export interface HookPassage {
  point: string
  /** A pass over prompts, or over generated tokens. */
  step: 'prefill' | 'decode'
  /** Absolute position of the value's first token. */
  firstToken: number
  /** Rows of the call that the value holds, in order; empty inside the vision tower, which runs for all. */
  rows: readonly number[]
}

/**
 * Gets the value that passes a point, [rows, tokens, …] of rows with equally long prompts, and gives what flows on instead: a tensor or expression of
 * the same shape and dtype, or nothing to leave it. The value's handle is disposed when the promise settles.
 */
export type HookCallback = (
  value: Tensor,
  passage: HookPassage,
) => // biome-ignore lint/suspicious/noConfusingVoidType: a function that only looks returns nothing
Tensor | Expression | undefined | void | PromiseLike<Tensor | undefined | void>

const callbacks = new Map<number, HookCallback>()
let registered = 0

export function registerCallback(callback: HookCallback): number {
  if (registered === 0) native().onQuestion((question) => void answer(question))
  callbacks.set(++registered, callback)
  return registered
}

export function unregisterCallback(id: number): void {
  callbacks.delete(id)
}

async function answer({ question, callback, value, point, prefill, firstToken, rows }: NativeQuestion): Promise<void> {
  using tensor = new Tensor(value)
  const call = callbacks.get(callback)
  const passage: HookPassage = { point, step: prefill ? 'prefill' : 'decode', firstToken, rows }
  try {
    // detached while the call that asks was under way
    const result = call && (await insideCallback.run(point, async () => await call(tensor, passage)))
    if (result !== undefined && !(result instanceof Tensor))
      throw expected('a tensor or nothing', `the result of the callback at ${point}`, result)
    native().answer(question, result?.handle, false)
  } catch (thrown) {
    const forget = rememberFailure(question, thrown)
    if (!native().answer(question, undefined, true)) forget()
  }
}
