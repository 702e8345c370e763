import { z } from 'zod'
import { check, expected } from '../check.ts'
import type { TensorLike } from './argument-types.ts'
import type { Expression, ListExpression } from './expression.ts'
import { requireSynchronous, withoutGradients } from './instruction.ts'
import { recordOwn } from './record.ts'
import { isTensorLike } from './recorder.ts'

const TensorLikes = z.array(z.custom<TensorLike>(isTensorLike, 'a tensor or expression'))

const GradOptions = z.strictObject({
  /** Weights of each output's elements where it has several; default 1 for the only element. */
  gradOutputs: z.array(z.custom<TensorLike>(isTensorLike, 'a tensor or expression').nullable()).default([]),
  /** Keep the graph for another pass; default `createGraph`. */
  retainGraph: z.boolean().optional(),
  /** Make the gradients differentiable themselves. */
  createGraph: z.boolean().default(false),
  /** Give zeros for inputs that no output depends on, where it is an error otherwise. */
  allowUnused: z.boolean().default(false),
})
export type GradOptions = z.input<typeof GradOptions>

/**
 * Gradients of the sum of `outputs` with respect to each of `inputs`, which must require gradients: `const [dw, db] = grad(loss, [w, b])`.
 * Records; nothing accumulates. Rejects with `ERR_ENGINE` for an input that does not reach the outputs, unless `allowUnused`.
 */
export function grad(
  outputs: TensorLike | readonly TensorLike[],
  inputs: readonly TensorLike[],
  options: GradOptions = {},
): Expression[] {
  const { gradOutputs, createGraph, retainGraph = createGraph, allowUnused } = check(GradOptions, options)
  const of = check(TensorLikes.min(1), isTensorLike(outputs) ? [outputs] : outputs, 'outputs')
  const withRespectTo = check(TensorLikes.min(1), inputs, 'inputs')
  if (gradOutputs.length !== 0 && gradOutputs.length !== of.length) {
    throw expected(`one for each of the ${of.length} outputs`, 'gradOutputs', gradOutputs)
  }
  const weights = gradOutputs.length === 0 ? of.map(() => null) : gradOutputs
  const gradients = recordOwn('grad', [of, withRespectTo, weights, retainGraph, createGraph, allowUnused])
  return withRespectTo.map((_, i) => (gradients as ListExpression).at(i))
}

/** What `record` records is constant for gradients. It must be synchronous: an await in it would end the recording. */
export function noGrad<T>(record: () => T): T {
  const result = withoutGradients(record)
  requireSynchronous(result, 'noGrad')
  return result
}
