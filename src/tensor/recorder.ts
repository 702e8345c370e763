import type { Expression, ScalarExpression } from './expression.ts'
import { noteEffect, requireInPlace } from './in-place.ts'
import { methodNames } from './operator-names.generated.ts'
import type { TensorOperators } from './operators.generated.ts'

export interface BackwardOptions {
  /** Weights of the elements where there are several; default 1 for the only element. */
  gradient?: TensorOperators
  /** Keep the graph for another backward pass; default `createGraph`. */
  retainGraph?: boolean
  /** Make the gradients differentiable themselves; default false. */
  createGraph?: boolean
}

/** `w.mul_(2)` changes w itself: of a parameter in `model.edit`, and views of it; `ERR_INVALID_ARGUMENT` elsewhere. */
export type InPlaceOperators = {
  [Name in keyof TensorOperators as Name extends string ? `${Name}_` : never]: TensorOperators[Name]
}

type Record = (name: string, values: unknown[]) => unknown
let recordOwn: Record

class Recording {
  /** The same memory as a leaf of the autograd graph: without history, and with gradients flowing to it. */
  requiresGrad(): Expression {
    return recordOwn('leaf', [this]) as Expression
  }

  /** Accumulates the gradients of this value into the leaves it was computed from, where `accumulatedGrad()` finds them. */
  backward({
    gradient,
    createGraph = false,
    retainGraph = createGraph,
  }: BackwardOptions = {}): ScalarExpression<undefined> {
    return recordOwn('backward', [
      [this],
      gradient ? [gradient] : [],
      retainGraph,
      createGraph,
    ]) as ScalarExpression<undefined>
  }

  /** What `backward()` added up for this leaf. Rejects with `ERR_INVALID_ARGUMENT` where nothing was. */
  accumulatedGrad(): Expression {
    return recordOwn('accumulated_grad', [this]) as Expression
  }

  /** Forgets what `backward()` added up. */
  zeroGrad(): ScalarExpression<undefined> {
    return recordOwn('zero_grad', [this]) as ScalarExpression<undefined>
  }
}

/**
 * What `Tensor` and `Expression` share: every operator with a leading tensor as a method that records it. The operators are put in place by
 * `installOperators`, since what they return is itself built on this class.
 */
export const Recorder = Recording as unknown as abstract new () => Recording & TensorOperators & InPlaceOperators
export type Recorder = Recording & TensorOperators

export function isTensorLike(value: unknown): value is Recorder {
  return value instanceof Recording
}

function method(name: string, call: (values: unknown[]) => unknown): void {
  Object.defineProperty(Recording.prototype, name, {
    value(this: unknown, ...values: unknown[]) {
      values.unshift(this)
      return call(values)
    },
    writable: true,
    configurable: true,
  })
}

/** Puts a method for every operator in place. */
export function installOperators(record: Record, own: Record, inPlace: Record): void {
  recordOwn = own
  for (const name of methodNames) {
    method(name, (values) => record(name, values))
    method(`${name}_`, (values) => {
      requireInPlace(`${name}_`)
      return noteEffect(inPlace(`${name}_`, values))
    })
  }
}
