import { inspect } from 'node:util'
import { error } from '../errors.ts'
import type { TypedArray } from './dtype.ts'
import { evaluate, type RunOptions } from './evaluate.ts'
import type { Instruction, ProgramInput, Recorded } from './instruction.ts'
import { recordOwn } from './record.ts'
import { Recorder } from './recorder.ts'
import type { Element, NestedList, Tensor } from './tensor.ts'
import { programText } from './text.ts'

type Settle<T, R> = ((value: T) => R | PromiseLike<R>) | null | undefined
type Fail<R> = ((reason: unknown) => R | PromiseLike<R>) | null | undefined

/**
 * A tensor that was recorded and not computed: its methods record further. `await` sends what led to it to the engine in one crossing and
 * gives a `Tensor`; every await computes anew.
 */
export class Expression extends Recorder implements Recorded, PromiseLike<Tensor> {
  readonly source: Instruction | ProgramInput
  readonly output: number

  constructor(source: Instruction | ProgramInput, output = 0) {
    super()
    this.source = source
    this.output = output
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting an expression is what runs it
  then<R = Tensor, F = never>(settle?: Settle<Tensor, R>, fail?: Fail<F>): Promise<R | F> {
    return evaluate<Expression>(this).then(settle, fail)
  }

  /** Runs and reads the elements, as `Tensor.data()` does. */
  data(options?: RunOptions): Promise<TypedArray> {
    return this.#read((tensor) => tensor.data(), options)
  }

  /** Runs and reads the only element, as `Tensor.item()` does. */
  item(options?: RunOptions): Promise<Element> {
    return this.#read((tensor) => tensor.item(), options)
  }

  /** Runs and reads the elements, as `Tensor.tolist()` does. */
  tolist(options?: RunOptions): Promise<NestedList> {
    return this.#read((tensor) => tensor.tolist(), options)
  }

  /** Always throws `ERR_SYMBOLIC_VALUE`: await first, or use `size(d)` in the program. */
  get shape(): never {
    throw symbolic('shape', 'await the expression first, or record with size(d)')
  }

  /** Always throws `ERR_SYMBOLIC_VALUE`: await first. */
  get dtype(): never {
    throw symbolic('dtype', 'await the expression first')
  }

  /** Always throws `ERR_SYMBOLIC_VALUE`: await first. */
  get device(): never {
    throw symbolic('device', 'await the expression first')
  }

  /** The program that computes it, an instruction a line. */
  override toString(): string {
    return programText(this)
  }

  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint)
  }

  [inspect.custom](): string {
    return this.toString()
  }

  async #read<T>(read: (tensor: Tensor) => Promise<T>, options?: RunOptions): Promise<T> {
    using tensor = await evaluate<Expression>(this, options)
    return await read(tensor)
  }
}

/** A list of tensors that was recorded; how many they are is known once it has run. `await` gives the tensors. */
export class ListExpression implements Recorded, PromiseLike<Tensor[]> {
  readonly source: Instruction | ProgramInput
  readonly output: number

  constructor(source: Instruction | ProgramInput, output = 0) {
    this.source = source
    this.output = output
  }

  /** The tensor at `index`, from the end where it is negative. */
  at(index: number): Expression {
    return recordOwn('list_item', [this, index]) as Expression
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting an expression is what runs it
  then<R = Tensor[], F = never>(settle?: Settle<Tensor[], R>, fail?: Fail<F>): Promise<R | F> {
    return evaluate<ListExpression>(this).then(settle, fail)
  }

  toString(): string {
    return programText(this)
  }
}

type IntValue = number | bigint | ScalarExpression<number>

/** A number or truth value that was recorded, such as `size(d)`; it can be an argument of what is recorded next. `await` gives the value. */
export class ScalarExpression<T extends number | boolean | undefined> implements Recorded, PromiseLike<T> {
  readonly source: Instruction | ProgramInput
  readonly output: number
  readonly type: 'int' | 'float' | 'bool' | 'none'

  constructor(source: Instruction | ProgramInput, output: number, type: 'int' | 'float' | 'bool' | 'none') {
    this.source = source
    this.output = output
    this.type = type
  }

  /** Of integers. */
  add(this: ScalarExpression<number>, other: IntValue): ScalarExpression<number> {
    return recordOwn('int_add', [this, other]) as ScalarExpression<number>
  }

  sub(this: ScalarExpression<number>, other: IntValue): ScalarExpression<number> {
    return recordOwn('int_sub', [this, other]) as ScalarExpression<number>
  }

  mul(this: ScalarExpression<number>, other: IntValue): ScalarExpression<number> {
    return recordOwn('int_mul', [this, other]) as ScalarExpression<number>
  }

  /** Rounds down, as `//` in Python. */
  floorDivide(this: ScalarExpression<number>, other: IntValue): ScalarExpression<number> {
    return recordOwn('int_floor_divide', [this, other]) as ScalarExpression<number>
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting an expression is what runs it
  then<R = T, F = never>(settle?: Settle<T, R>, fail?: Fail<F>): Promise<R | F> {
    return evaluate<ScalarExpression<T>>(this).then(settle as Settle<unknown, R>, fail)
  }

  toString(): string {
    return programText(this)
  }

  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint)
  }
}

/**
 * Several results of one operator, by name or position: `const { values, indices } = x.topk(5)` are expressions, and awaiting the whole gives
 * the tensors in one crossing.
 */
export type Outputs<R> = R & PromiseLike<Computed<R>>

/** What awaiting gives: tensors and values in place of what was recorded. */
export type Computed<T> =
  T extends PromiseLike<infer Value> ? Value : T extends Tensor ? T : { [K in keyof T]: Computed<T[K]> }

/** The expressions an instruction gives: one, or `Outputs`. */
export function outputsOf(source: Instruction): unknown {
  const { returns } = source.schema
  if (returns.length === 0) return new ScalarExpression<undefined>(source, 0, 'none')
  if (returns.length === 1) return outputOf(source, 0)
  const named = returns.every(({ name }) => name !== undefined)
  const outputs = returns.map((_, i) => outputOf(source, i))
  const result = named ? Object.fromEntries(returns.map(({ name }, i) => [name, outputs[i]])) : outputs
  return Object.defineProperty(result, 'then', {
    value: (settle: Settle<unknown, unknown>, fail: Fail<unknown>) => evaluate(result).then(settle, fail),
  })
}

function outputOf(source: Instruction, output: number): Recorded {
  const { type } = source.schema.returns[output]!
  if (type === 'Tensor') return new Expression(source, output)
  if (type === 'Tensor[]') return new ListExpression(source, output)
  return new ScalarExpression(source, output, type === 'float' || type === 'bool' ? type : 'int')
}

// What JavaScript does to compare, add or format a value.
function textOnly(value: { toString(): string }, hint: string): string {
  if (hint === 'string') return value.toString()
  throw symbolic(
    'value',
    'await the expression first; in a program compare with operators such as gt() and choose with where()',
  )
}

function symbolic(what: string, remedy: string): Error {
  return error('ERR_SYMBOLIC_VALUE', `The ${what} of an expression is not known before it has run: ${remedy}`)
}
