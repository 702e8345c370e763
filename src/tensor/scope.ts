import { AsyncLocalStorage } from 'node:async_hooks'
import type { Tensor } from './tensor.ts'

const scopes = new AsyncLocalStorage<Set<Tensor>>()

/**
 * Runs `work` and then disposes every tensor it made, except those in what it returns (a tensor, or arrays and plain objects of such). Scopes
 * nest: what an inner one returns belongs to the outer.
 */
export async function scope<T>(work: () => T | PromiseLike<T>): Promise<Awaited<T>> {
  const made = new Set<Tensor>()
  try {
    const result = await scopes.run(made, async () => await work())
    release(result, made)
    return result
  } finally {
    for (const tensor of made) tensor.dispose()
  }
}

/** Called for every tensor that is made. */
export function enterScope(tensor: Tensor): void {
  scopes.getStore()?.add(tensor)
}

function release(value: unknown, made: Set<Tensor>): void {
  if (typeof value !== 'object' || value === null) return
  if (made.delete(value as Tensor)) {
    enterScope(value as Tensor)
    return
  }
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  if (plain) for (const element of Object.values(value)) release(element, made)
}
