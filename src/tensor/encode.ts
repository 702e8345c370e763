import { error } from '../errors.ts'
import type { NativeProgram, TensorHandle } from '../native.ts'
import { type ArgumentValue, Float, type Instruction, isInput, isRecorded, type Recorded } from './instruction.ts'
import { Tensor } from './tensor.ts'

// The kinds of arguments of cpp/tensor/program_code.h.
const kind = { default: 0, none: 1, register: 2, int: 3, wide: 4, double: 5, bool: 6, string: 7, tensor: 8, list: 9 }
const withoutGrad = 1
const withSeed = 2

/**
 * The program that computes `roots` in the form in which it crosses to the engine. Throws `ERR_SYMBOLIC_VALUE` when it needs more inputs than
 * the `inputs` it will be given.
 */
export function encode(roots: readonly Recorded[], inputs: number): NativeProgram {
  return new Encoder(instructionsOf(roots), inputs).program(roots)
}

/** Every instruction that `roots` need, in the order in which they were recorded. */
export function instructionsOf(roots: readonly Recorded[]): Instruction[] {
  const found = new Set<Instruction>()
  const pending: ArgumentValue[] = [...roots]
  while (pending.length > 0) {
    const value = pending.pop()
    if (Array.isArray(value)) pending.push(...value)
    else if (isRecorded(value) && !isInput(value.source) && !found.has(value.source)) {
      found.add(value.source)
      for (const argument of value.source.arguments) if (typeof argument === 'object') pending.push(argument)
    }
  }
  return Array.from(found).sort((a, b) => a.id - b.id)
}

/** Not so for what is run for its effect alone, such as `backward()`. */
export function hasValue({ source }: Recorded): boolean {
  return isInput(source) || source.schema.returns.length > 0
}

class Encoder {
  readonly #code: number[] = []
  readonly #tensors = new Map<Tensor, number>()
  readonly #strings = new Map<string, number>()
  readonly #registers = new Map<Instruction, number>()
  readonly #inputs: number

  constructor(instructions: readonly Instruction[], inputs: number) {
    this.#inputs = inputs
    this.#code.push(inputs, instructions.length)
    let register = inputs
    for (const instruction of instructions) {
      this.#instruction(instruction)
      this.#registers.set(instruction, register)
      register += instruction.schema.returns.length
    }
  }

  program(roots: readonly Recorded[]): NativeProgram {
    const results = roots.filter(hasValue)
    this.#code.push(results.length, ...results.map((root) => this.#register(root)))
    const tensors: TensorHandle[] = Array.from(this.#tensors.keys(), ({ handle }) => handle)
    return { code: Float64Array.from(this.#code), tensors, strings: Array.from(this.#strings.keys()) }
  }

  #instruction({ schema, arguments: values, seed, noGrad }: Instruction): void {
    const code = this.#code
    code.push(schema.index, (noGrad ? withoutGrad : 0) | (seed === undefined ? 0 : withSeed))
    if (seed !== undefined) this.#wide(BigInt(seed))
    code.push(values.length)
    for (let i = 0; i < values.length; i++) this.#argument(values[i])
  }

  #argument(value: ArgumentValue): void {
    const code = this.#code
    if (value === undefined) code.push(kind.default)
    else if (value === null) code.push(kind.none)
    else if (typeof value === 'number') code.push(Number.isSafeInteger(value) ? kind.int : kind.double, value)
    else if (typeof value === 'boolean') code.push(kind.bool, value ? 1 : 0)
    else if (typeof value === 'string') code.push(kind.string, indexIn(this.#strings, value))
    else if (typeof value === 'bigint') {
      code.push(kind.wide)
      this.#wide(value)
    } else if (isRecorded(value)) code.push(kind.register, this.#register(value))
    else if (value instanceof Tensor) code.push(kind.tensor, indexIn(this.#tensors, value))
    else if (value instanceof Float) code.push(kind.double, value.value)
    else if (Array.isArray(value)) {
      code.push(kind.list, value.length)
      for (const element of value) this.#argument(element)
    }
  }

  #wide(value: bigint): void {
    this.#code.push(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asUintN(32, value)))
  }

  #register({ source, output }: Recorded): number {
    if (!isInput(source)) return this.#registers.get(source)! + output
    if (source.index < this.#inputs) return source.index
    throw error(
      'ERR_SYMBOLIC_VALUE',
      `'${source.name}' is an input of a program being recorded: it has a value only when the program runs`,
    )
  }
}

function indexIn<T>(table: Map<T, number>, value: T): number {
  let index = table.get(value)
  if (index === undefined) table.set(value, (index = table.size))
  return index
}
