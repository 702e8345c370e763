import { expected } from '../check.ts'
import type { TensorHandle } from '../native.ts'
import type { Recorder } from './recorder.ts'
import type { OperatorSchema } from './schema.ts'

/** A call of an operator that was recorded and not run. */
export interface Instruction {
  /** Place in the order of recording, which is the order of running. */
  readonly id: number
  readonly schema: OperatorSchema
  /** In the order of the schema; undefined is the default. */
  readonly arguments: readonly ArgumentValue[]
  /** Of a random operator. */
  readonly seed: number | bigint | undefined
  readonly noGrad: boolean
}

/** A value that a program is given when it runs. */
export interface ProgramInput {
  readonly index: number
  readonly name: string
}

/** A register of a program: an output of an instruction, or an input. */
export interface Recorded {
  readonly source: Instruction | ProgramInput
  readonly output: number
}

export function isRecorded(value: unknown): value is Recorded {
  return typeof value === 'object' && value !== null && 'source' in value
}

/** A number that stays a float where it is integral: `x.add(float(1))` widens an int64 tensor. */
export class Float {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** Forces a float where an integral JavaScript number would be an int. */
export function float(value: number): Float {
  return new Float(value)
}

export type ArgumentValue =
  | (Recorder & { readonly handle?: TensorHandle })
  | Recorded
  | Float
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly ArgumentValue[]

export function isInput(source: Instruction | ProgramInput): source is ProgramInput {
  return 'index' in source
}

/** Throws `ERR_INVALID_ARGUMENT` when a function that records was asynchronous, which would end the recording at its first await. */
export function requireSynchronous(result: unknown, name: string): void {
  if (!(result instanceof Promise)) return
  result.catch(() => {}) // what the caller hears is that it should not be one
  throw expected('a synchronous function that records', name, result)
}

let recorded = 0
let gradientsOff = false

export function instruction(
  schema: OperatorSchema,
  values: readonly ArgumentValue[],
  seed: number | bigint | undefined,
  noGrad = gradientsOff,
): Instruction {
  return { id: recorded++, schema, arguments: values, seed, noGrad }
}

/** Runs `record`, a synchronous function, marking what it records as constant for gradients. */
export function withoutGradients<T>(record: () => T): T {
  const before = gradientsOff
  gradientsOff = true
  try {
    return record()
  } finally {
    gradientsOff = before
  }
}
