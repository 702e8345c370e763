import { check, expected } from '../check.ts'
import type { NativeIntervention } from '../native.ts'
import { Expression } from '../tensor/expression.ts'
import { requireSynchronous } from '../tensor/instruction.ts'
import { Program, programInputs } from '../tensor/program.ts'
import { countedSeeds } from '../tensor/random.ts'
import { type HookCallback, registerCallback, unregisterCallback } from './hook-callbacks.ts'
import type { Inputs } from './inputs.ts'
import {
  type Attached,
  CallbackOptions,
  type Change,
  checkIntervention,
  HookOptions,
  type Intervention,
} from './interventions.ts'
import {
  checkAttached,
  type InterventionContext,
  resolveAttached,
  resolveInterventions,
} from './resolve-interventions.ts'

/** Something attached to a model until it is disposed (`using`, `dispose()`): calls that begin later do without it. */
export interface Hook extends Disposable {
  /** The points it acts at. */
  readonly points: readonly string[]
  /** What it does, as data; none for a callback, which is no data. */
  readonly intervention: Intervention | undefined
  readonly disposed: boolean
  dispose(): void
}

/** What is attached to a model, in the order in which it was. */
export class Hooks {
  readonly #attached = new Map<Hook, Attached>()
  readonly #context: InterventionContext

  constructor(context: InterventionContext) {
    this.#context = context
  }

  /** An intervention, or a function that is recorded now as the program of a `replace`. */
  attach(
    pointOrIntervention: string | Intervention,
    record?: (x: Expression) => Expression,
    options: HookOptions = {},
  ): Hook {
    if (typeof pointOrIntervention !== 'string') {
      if (record !== undefined) throw expected('nothing but the intervention', 'hook', record)
      const intervention = checkIntervention(pointOrIntervention, 'hook')
      return this.#add(intervention, pointOrIntervention)
    }
    const where = check(HookOptions, options)
    const program = recorded(record)
    try {
      const change: Change = { kind: 'replace', point: pointOrIntervention, program, ...where }
      return this.#add(change, change, () => program.dispose())
    } catch (thrown) {
      program.dispose()
      throw thrown
    }
  }

  /** A function that the engine waits for. */
  attachCallback(point: string, callback: HookCallback, options: CallbackOptions = {}): Hook {
    if (typeof callback !== 'function')
      throw expected('a function, as in async (x) => x.mul(0.5),', 'hookAsync', callback)
    const where = check(CallbackOptions, options)
    const id = registerCallback(callback)
    try {
      return this.#add({ kind: 'callback', point, callback: id, ...where }, undefined, () => unregisterCallback(id))
    } catch (thrown) {
      unregisterCallback(id)
      throw thrown
    }
  }

  list(): Hook[] {
    return [...this.#attached.keys()]
  }

  /** What acts on one call: what is attached, where it occurs in it, and then its own interventions. */
  actingOn(inputs: Inputs, interventions: readonly Intervention[], newTokens: number): NativeIntervention[] {
    const context = { ...this.#context, newTokens }
    const attached = Array.from(this.#attached.values()).flatMap((attached, i) =>
      resolveAttached(attached, inputs, { ...context, whereTheyOccur: true }, `hooks[${i}]`),
    )
    return [...attached, ...resolveInterventions(interventions, inputs, context)]
  }

  dispose(): void {
    for (const hook of this.list()) hook.dispose()
  }

  #add(attached: Attached, intervention: Intervention | undefined, release?: () => void): Hook {
    const points = checkAttached(attached, this.#context, 'hook')
    const all = this.#attached
    const hook: Hook = {
      points,
      intervention,
      get disposed() {
        return !all.has(hook)
      },
      dispose() {
        if (all.delete(hook)) release?.()
      },
      [Symbol.dispose]: () => hook.dispose(),
    }
    all.set(hook, attached)
    return hook
  }
}

function recorded(record: unknown): Program<Expression> {
  if (typeof record !== 'function') throw expected('a function, as in (x) => x.mul(0.5),', 'hook', record)
  const [x] = programInputs(1)
  const result: unknown = countedSeeds(() => (record as (x: Expression) => unknown)(x!))
  requireSynchronous(result, 'hook')
  if (!(result instanceof Expression)) throw expected('an expression', 'the result of a hook', result)
  return new Program(1, result)
}
