/** What a value of an argument can be, as far as telling overloads apart goes. */
export type ArgumentKind =
  | 'Tensor'
  | 'int'
  | 'float'
  | 'Scalar'
  | 'bool'
  | 'str'
  | 'ScalarType'
  | 'Device'
  | 'Layout'
  | 'MemoryFormat'
  | 'Generator'
  | 'other'

export interface ArgumentSchema {
  name: string
  kind: ArgumentKind
  /** Schema spelling, `int[2]?` and such. */
  type: string
  list: boolean
  /** `int[2] stride`: one number stands for that many. */
  repeat: number | undefined
  optional: boolean
  /** Elements may be absent: `Tensor?[]`. */
  optionalElements: boolean
  keywordOnly: boolean
  /** As the schema spells it; undefined when the argument must be given. */
  defaultValue: string | undefined
  /** Written by the operator: in-place and `out=` forms. */
  mutated: boolean
}

export interface ReturnSchema {
  name: string | undefined
  type: string
}

/** One overload of an operator, as libtorch declares it. */
export interface OperatorSchema {
  /** Place in the list of the linked libtorch; how a program names the operator. */
  index: number
  /** `aten` or `frankentorch`. */
  namespace: string
  name: string
  overload: string
  arguments: readonly ArgumentSchema[]
  returns: readonly ReturnSchema[]
  /** Draws random numbers. */
  random: boolean
  text: string
}

const kinds: Record<string, ArgumentKind> = {
  Tensor: 'Tensor',
  int: 'int',
  SymInt: 'int',
  float: 'float',
  Scalar: 'Scalar',
  bool: 'bool',
  str: 'str',
  ScalarType: 'ScalarType',
  Device: 'Device',
  Layout: 'Layout',
  MemoryFormat: 'MemoryFormat',
  Generator: 'Generator',
}

/** Reads what `native().operatorSchemas()` gives. */
export function parseSchemas(lines: string): OperatorSchema[] {
  return lines.trimEnd().split('\n').map(parseSchema)
}

/** Reads a line of `native().operatorSchemas()`: `~aten::rand(SymInt[] size, *, ScalarType? dtype=None) -> Tensor`. */
export function parseSchema(line: string, index: number): OperatorSchema {
  const random = line.startsWith('~')
  const text = random ? line.slice(1) : line
  const open = text.indexOf('(')
  const [namespace, qualified] = text.slice(0, open).split('::') as [string, string]
  const dot = qualified.indexOf('.')
  const close = closing(text, open)
  const returns = text.slice(close + 1).replace(/^ -> /, '')
  return {
    index,
    namespace,
    name: dot < 0 ? qualified : qualified.slice(0, dot),
    overload: dot < 0 ? '' : qualified.slice(dot + 1),
    arguments: parseArguments(text.slice(open + 1, close)),
    returns: (returns.startsWith('(') ? commaSeparated(returns.slice(1, -1)) : [returns]).map(parseReturn),
    random,
    text,
  }
}

function parseArguments(text: string): ArgumentSchema[] {
  let keywordOnly = false
  const parsed: ArgumentSchema[] = []
  for (const part of commaSeparated(text)) {
    if (part === '*') keywordOnly = true
    else parsed.push(parseArgument(part, keywordOnly))
  }
  return parsed
}

function parseArgument(text: string, keywordOnly: boolean): ArgumentSchema {
  const equals = text.indexOf('=')
  const declaration = equals < 0 ? text : text.slice(0, equals)
  const space = declaration.lastIndexOf(' ')
  const { type, mutated } = withoutAliases(declaration.slice(0, space))
  const [, base, elementMark, list, mark] = /^(.*?)(\?)?(\[\d*\])?(\?)?$/.exec(type)!
  const count = list?.slice(1, -1)
  return {
    name: declaration.slice(space + 1),
    kind: kinds[base!] ?? 'other',
    type,
    list: list !== undefined,
    repeat: count ? Number(count) : undefined,
    optional: mark === '?' || (list === undefined && elementMark === '?'),
    optionalElements: list !== undefined && elementMark === '?',
    keywordOnly,
    defaultValue: equals < 0 ? undefined : text.slice(equals + 1),
    mutated,
  }
}

function parseReturn(text: string): ReturnSchema {
  const { type } = withoutAliases(text)
  const space = type.lastIndexOf(' ')
  return space < 0 ? { name: undefined, type } : { name: type.slice(space + 1), type: type.slice(0, space) }
}

// `Tensor(a! -> *)[] self`: the annotation says what aliases what, which matters to no caller here.
function withoutAliases(text: string): { type: string; mutated: boolean } {
  const open = text.indexOf('(')
  if (open < 0) return { type: text, mutated: false }
  const close = text.indexOf(')', open)
  return { type: text.slice(0, open) + text.slice(close + 1), mutated: text.slice(open, close).includes('!') }
}

function closing(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')' && --depth === 0) return i
  }
  return text.length
}

function commaSeparated(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quoted = false
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (character === '"') quoted = !quoted
    if (quoted) continue
    if ('([{'.includes(character)) depth++
    if (')]}'.includes(character)) depth--
    if (character === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim())
      start = i + 1
    }
  }
  const last = text.slice(start).trim()
  return last ? [...parts, last] : parts
}
