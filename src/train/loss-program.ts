import { error } from '../errors.ts'
import type { NativeProgram } from '../native.ts'
import { encode } from '../tensor/encode.ts'
import { collect } from '../tensor/evaluate.ts'
import { Expression } from '../tensor/expression.ts'
import { type Recorded, requireSynchronous } from '../tensor/instruction.ts'
import type { Loss, LossInputs, LossResult } from './losses/loss.ts'

// The engine makes the first two; the others come with the batch.
const made = ['logprobs', 'entropy'] as const
export const givenInputs = ['mask', 'advantages', 'old', 'ref'] as const
export type GivenInput = (typeof givenInputs)[number]

export interface LossProgram {
  program: NativeProgram
  /** Names of its results, the loss first. */
  names: string[]
}

/** Records `loss` over the inputs that the engine makes and those named in `given`, in that order. Throws `ERR_INVALID_ARGUMENT` for one it uses that is not given. */
export function lossProgram(loss: Loss, given: readonly GivenInput[]): LossProgram {
  const names = [...made, ...given]
  const inputs = Object.fromEntries(names.map((name, index) => [name, new Expression({ index, name })]))
  inputs.old ??= inputs.logprobs!.detach()
  const recorded = loss(
    new Proxy(inputs, {
      get(known, name: string) {
        if (known[name]) return known[name]
        throw error(
          'ERR_INVALID_ARGUMENT',
          `The loss uses '${name}', which the batch does not give: it has ${names.join(', ')}`,
        )
      },
    }) as unknown as LossInputs,
  )
  requireSynchronous(recorded, 'a loss')
  const results: LossResult = recorded instanceof Expression ? { loss: recorded } : recorded
  const { loss: value, ...reported } = results
  const ordered = { loss: value, ...reported }
  const roots: Recorded[] = []
  collect(ordered, roots, 'loss')
  return { program: encode(roots, names.length), names: Object.keys(ordered) }
}
