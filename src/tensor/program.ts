import { expected } from '../check.ts'
import { encode, instructionsOf } from './encode.ts'
import { collect, evaluate, type RunOptions } from './evaluate.ts'
import { type Computed, Expression } from './expression.ts'
import { type Recorded, requireSynchronous } from './instruction.ts'
import type { Tensor } from './tensor.ts'
import { programText } from './text.ts'

/** A function of tensors as data: recorded once, run any number of times with other inputs. */
export class Program<Result> {
  /** Number of tensors it takes. */
  readonly inputs: number
  readonly #result: Result
  readonly #roots: Recorded[] = []

  constructor(inputs: number, result: Result) {
    this.inputs = inputs
    this.#result = result
    collect(result, this.#roots, 'the result of a program')
    encode(this.#roots, inputs)
  }

  get instructionCount(): number {
    return instructionsOf(this.#roots).length
  }

  /** Runs it on `inputs` in one crossing; random operators draw the same each time. Rejects with `ERR_ABORTED`, `ERR_DISPOSED` or `ERR_ENGINE`. */
  async run(inputs: readonly Tensor[], options: RunOptions = {}): Promise<Computed<Result>> {
    if (inputs.length !== this.inputs) throw expected(`${this.inputs} tensors`, 'inputs', inputs)
    return evaluate(this.#result, options, inputs)
  }

  /** An instruction a line. */
  toString(): string {
    return programText(this.#result)
  }
}

/**
 * Records `record`, a synchronous function of expressions, once: `program((x, y) => x.mul(y).sum())`. Its inputs have no values yet: to ask
 * for a shape, an element or an await throws `ERR_SYMBOLIC_VALUE`; `size(d)` is a recorded integer.
 */
export function program<Result extends object>(record: (...inputs: Expression[]) => Result): Program<Result> {
  const inputs = Array.from({ length: record.length }, (_, index) => new Expression({ index, name: `input${index}` }))
  const result = record(...inputs)
  requireSynchronous(result, 'program')
  return new Program(inputs.length, result)
}
