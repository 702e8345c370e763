import { instructionsOf } from './encode.ts'
import { collect } from './evaluate.ts'
import { type ArgumentValue, Float, type Instruction, isInput, isRecorded, type Recorded } from './instruction.ts'
import type { ArgumentSchema, OperatorSchema } from './schema.ts'
import { Tensor } from './tensor.ts'

/**
 * A program as text, an instruction a line: `%1 = aten::mul.Scalar(%0, 0.5)`. Constants come first, inputs go by their names.
 * `value` is an expression, or a structure of such as `all` takes it.
 */
export function programText(value: unknown): string {
  const roots: Recorded[] = []
  collect(value, roots, 'expressions')
  const names = new Map<unknown, string>()
  const name = (key: unknown) => names.get(key) ?? names.set(key, `%${names.size}`).get(key)!
  const lines: string[] = []
  const outputs = new Map<Instruction, string[]>()

  const text = (value: ArgumentValue): string => {
    if (isRecorded(value)) {
      return isInput(value.source) ? value.source.name : outputs.get(value.source)![value.output]!
    }
    if (value instanceof Tensor) {
      if (!names.has(value)) lines.push(`${name(value)} = ${value}`)
      return name(value)
    }
    if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`
    if (value instanceof Float) return Number.isInteger(value.value) ? `${value.value}.` : String(value.value)
    if (value === null) return 'None'
    return typeof value === 'string' ? JSON.stringify(value) : String(value)
  }

  for (const instruction of instructionsOf(roots)) {
    const { schema, seed, noGrad } = instruction
    const given = schema.arguments.flatMap((argument, i) => {
      const value = instruction.arguments[i]
      return value === undefined ? [] : [labelled(argument, i, instruction, text(value))]
    })
    if (seed !== undefined) given.push(`seed=${seed}`)
    const registers = schema.returns.map((_, i) => name(`${instruction.id}.${i}`))
    outputs.set(instruction, registers)
    const target = registers.length > 0 ? `${registers.join(', ')} = ` : ''
    lines.push(`${target}${qualified(schema)}(${given.join(', ')})${noGrad ? ' without gradients' : ''}`)
  }
  return [...lines, `return ${roots.map(text).join(', ')}`].join('\n')
}

// Named where it is keyword-only or something before it was left to its default.
function labelled(
  { name, keywordOnly }: ArgumentSchema,
  index: number,
  { arguments: values }: Instruction,
  text: string,
) {
  const gap = Array.from(values.slice(0, index)).includes(undefined)
  return keywordOnly || gap ? `${name}=${text}` : text
}

function qualified({ namespace, name, overload }: OperatorSchema): string {
  return `${namespace}::${name}${overload ? `.${overload}` : ''}`
}
