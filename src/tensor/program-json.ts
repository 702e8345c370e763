import { z } from 'zod'
import { check, expected } from '../check.ts'
import { error } from '../errors.ts'
import { native } from '../native.ts'
import { encode, instructionsOf } from './encode.ts'
import { Expression, outputsOf } from './expression.ts'
import {
  type ArgumentValue,
  Float,
  type Instruction,
  instruction,
  isInput,
  isRecorded,
  type Recorded,
} from './instruction.ts'
import { overloads } from './operators.ts'
import { Program, programInputs } from './program.ts'
import type { OperatorSchema } from './schema.ts'
import { Tensor } from './tensor.ts'

// An argument: null, true, 'text', 3, 0.5, [list], or one of
//   {register: 2}  {float: 1} (also "nan", "inf", "-inf")  {int: "9007199254740993"}  {default: true}  {sha256, dtype, shape}
const ProgramForm = z.strictObject({
  inputs: z.int().min(0).max(64),
  instructions: z.array(
    z.strictObject({
      operator: z.string().regex(/^(aten|frankentorch)::\w+(\.\w+)?$/, 'a qualified operator such as aten::mul.Scalar'),
      arguments: z.array(z.unknown()),
      seed: z.union([z.int().min(0), z.string().regex(/^\d+$/)]).optional(),
      no_grad: z.literal(true).optional(),
    }),
  ),
  /** Registers: the inputs, then the outputs of the instructions in order. */
  results: z.array(z.int().min(0)),
})
export type ProgramJson = z.output<typeof ProgramForm>

/** A program as JSON; `write` says what stands for a tensor that it owns. */
export async function programToJson(
  program: Program<unknown>,
  write: (tensor: Tensor) => Promise<unknown>,
): Promise<ProgramJson> {
  const instructions = instructionsOf(program.roots)
  const constants = await constantsOf(program, write)
  const registers = new Map<Instruction, number>()
  let next = program.inputs
  for (const one of instructions) {
    registers.set(one, next)
    next += one.schema.returns.length
  }
  const register = ({ source, output }: Recorded) => (isInput(source) ? source.index : registers.get(source)! + output)
  const argument = (value: ArgumentValue): unknown => {
    if (value === undefined) return { default: true }
    if (typeof value === 'bigint') return { int: String(value) }
    if (value instanceof Float) return { float: spelled(value.value) }
    if (typeof value === 'number') return Number.isFinite(value) ? value : { float: spelled(value) }
    if (value instanceof Tensor) return constants.get(value)
    if (Array.isArray(value)) return value.map(argument)
    return isRecorded(value) ? { register: register(value) } : value
  }
  return {
    inputs: program.inputs,
    instructions: instructions.map(({ schema, arguments: values, seed, noGrad }) => ({
      operator: `${schema.namespace}::${schema.name}${schema.overload ? `.${schema.overload}` : ''}`,
      arguments: trimmed(values).map(argument),
      ...(seed === undefined ? {} : { seed: typeof seed === 'bigint' ? String(seed) : seed }),
      ...(noGrad ? { no_grad: true as const } : {}),
    })),
    results: program.roots.map(register),
  }
}

/** The way back; `read` gives the tensor of what `write` gave. A program of one result gives an expression, others a list. */
export function programFromJson(json: unknown, read: (reference: object) => Tensor): Program<Expression | Recorded[]> {
  const { inputs, instructions, results } = check(ProgramForm, json, 'program')
  const registers: Recorded[] = programInputs(inputs)
  const register = (index: unknown): Recorded => {
    const found = registers[index as number]
    if (!found) throw expected(`one of ${registers.length} registers`, 'a register of program', index)
    return found
  }
  const argument = (value: unknown): ArgumentValue => {
    if (Array.isArray(value)) return value.map(argument)
    if (typeof value !== 'object' || value === null) return value as ArgumentValue
    if ('register' in value) return register(value.register)
    if ('float' in value) return new Float(Number(String(value.float).replace('inf', 'Infinity')))
    if ('int' in value) return BigInt(check(z.string().regex(/^-?\d+$/), value.int, 'program.int'))
    return 'default' in value ? undefined : read(value)
  }
  for (const { operator, arguments: values, seed, no_grad } of instructions) {
    const given = values.map(argument)
    const recorded = instruction(schemaNamed(operator), given, typeof seed === 'string' ? BigInt(seed) : seed, no_grad)
    registers.push(
      ...[outputsOf(recorded)].flatMap((output) => (isRecorded(output) ? [output] : Object.values(output as object))),
    )
  }
  const roots = results.map(register)
  return new Program(inputs, roots.length === 1 && roots[0] instanceof Expression ? roots[0] : roots)
}

// What the program owns, by the tensors it was recorded with, which may be disposed by now.
async function constantsOf(program: Program<unknown>, write: (tensor: Tensor) => Promise<unknown>) {
  const recorded = new Set<Tensor>()
  const visit = (value: ArgumentValue): void => {
    if (value instanceof Tensor) recorded.add(value)
    else if (Array.isArray(value)) value.forEach(visit)
  }
  for (const { arguments: values } of instructionsOf(program.roots)) values.forEach(visit)
  const order = encode(program.roots, program.inputs).tensors
  const own = native().programTensors(program.handle)
  const constants = new Map<Tensor, unknown>()
  for (const tensor of recorded) constants.set(tensor, await write(new Tensor(own[order.indexOf(tensor.handle)]!)))
  return constants
}

function schemaNamed(qualified: string): OperatorSchema {
  const [namespace, rest] = qualified.split('::') as [string, string]
  const [name, overload = ''] = rest.split('.') as [string, string?]
  const schema = overloads(name, namespace === 'aten' ? 'unsafe' : 'own').find(
    (one) => (one.overload ?? '') === overload,
  )
  if (!schema)
    throw error('ERR_UNKNOWN_OPERATOR', `Expected an overload of ${namespace}::${name} but received '${overload}'`)
  return schema
}

function trimmed(values: readonly ArgumentValue[]): readonly ArgumentValue[] {
  let end = values.length
  while (end > 0 && values[end - 1] === undefined) end--
  return Array.from(values.slice(0, end))
}

function spelled(value: number): number | string {
  if (Number.isFinite(value)) return value
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
}
