import { z } from 'zod'
import { check, expected } from '../check.ts'
import { native, type ProgramHandle } from '../native.ts'
import { encode, instructionsOf } from './encode.ts'
import { collect, compute, RunOptions } from './evaluate.ts'
import { type Computed, Expression } from './expression.ts'
import { type Recorded, requireSynchronous } from './instruction.ts'
import type { Tensor } from './tensor.ts'
import { programText } from './text.ts'

/**
 * A function of tensors as data: recorded once, run any number of times with other inputs. It owns its constants: tensors that it was recorded
 * with may be disposed. Dispose it (`using`, `dispose()`) to free them before it is collected.
 */
export class Program<Result> implements Disposable {
  /** Number of tensors it takes. */
  readonly inputs: number
  /** What it gives, flat. For the layers above; not part of the public API, nor is `handle`. */
  readonly roots: readonly Recorded[]
  readonly handle: ProgramHandle
  readonly #result: Result
  readonly #rebuild: (results: readonly unknown[]) => unknown

  constructor(inputs: number, result: Result) {
    const roots: Recorded[] = []
    this.inputs = inputs
    this.#result = result
    this.#rebuild = collect(result, roots, 'the result of a program')
    this.roots = roots
    this.handle = native().createProgram(encode(roots, inputs))
  }

  get instructionCount(): number {
    return instructionsOf(this.roots).length
  }

  /** Runs it on `inputs` in one crossing; random operators draw the same each time. Rejects with `ERR_ABORTED`, `ERR_DISPOSED` or `ERR_ENGINE`. */
  async run(inputs: readonly Tensor[], options: RunOptions = {}): Promise<Computed<Result>> {
    check(RunOptions, options)
    if (inputs.length !== this.inputs) throw expected(`${this.inputs} tensors`, 'inputs', inputs)
    return this.#rebuild(await compute(this.handle, this.roots, inputs, options)) as Computed<Result>
  }

  /** Later runs reject with `ERR_DISPOSED`; what runs now is not disturbed. */
  dispose(): void {
    native().disposeProgram(this.handle)
  }

  [Symbol.dispose](): void {
    this.dispose()
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
  check(
    z.custom((value) => typeof value === 'function', 'a function'),
    record,
    'program',
  )
  const inputs = programInputs(record.length)
  const result = record(...inputs)
  requireSynchronous(result, 'program')
  return new Program(inputs.length, result)
}

export function programInputs(count: number): Expression[] {
  return Array.from({ length: count }, (_, index) => new Expression({ index, name: `input${index}` }))
}
