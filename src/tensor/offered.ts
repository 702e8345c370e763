import type { OperatorSchema } from './schema.ts'

/** Names that Tensor and Expression define by hand, for what they do is no ATen operator or another thing in JavaScript. */
export const definedByHand: Readonly<Record<string, string>> = {
  backward: 'backward()',
  data: 'detach(); data() reads the elements',
  item: 'item()',
  numel: 'numel(), on an Expression size(d)',
}

/**
 * Why a schema is not an operator of `ops`: 'underscore' still is one of `ops.unsafe`, anything else is none at all. Undefined when it is
 * offered.
 */
export function leftOut(schema: OperatorSchema): string | undefined {
  const { name, arguments: declared, returns } = schema
  if (schema.namespace !== 'aten') return 'ours: behind a function of its own'
  if (declared.some(({ mutated }) => mutated)) return 'writes to its argument (in place, or out=)'
  const alien = declared.find((argument) => argument.kind === 'other')
  if (alien) return `argument type ${alien.type} cannot cross`
  if (returns.length === 0) return 'returns nothing'
  const strange = returns.find(({ type }) => !crossingReturns.has(type))
  if (strange) return `result type ${strange.type} cannot cross`
  if (definedByHand[name]) return `defined by hand: ${definedByHand[name]}`
  return name.startsWith('_') ? 'underscore' : undefined
}

/** It changes its first argument, a tensor, and gives it. */
export function isInPlace({ name, arguments: [first, ...rest], returns }: OperatorSchema): boolean {
  const crosses =
    first?.mutated && first.kind === 'Tensor' && rest.every(({ kind, mutated }) => kind !== 'other' && !mutated)
  return /^[a-z].*_$/.test(name) && Boolean(crosses) && returns.length === 1
}

const crossingReturns = new Set(['Tensor', 'Tensor[]', 'int', 'SymInt', 'float', 'bool'])

// What libtorch calls the tensor that an operator is about. Not `condition`: x.where(…) would be another thing than in torch.
const subjects = new Set(['self', 'input', 'A', 'LU', 'LD', 'x', 'x1', 'y'])

/** The operator can be a method: the tensor it is about comes first. */
export function isMethod({ arguments: [first] }: OperatorSchema): boolean {
  return first !== undefined && first.kind === 'Tensor' && !first.list && !first.optional && subjects.has(first.name)
}
