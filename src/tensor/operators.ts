import { editDistance } from '../edit-distance.ts'
import { error } from '../errors.ts'
import { native } from '../native.ts'
import { isInPlace, leftOut } from './offered.ts'
import { type OperatorSchema, parseSchema } from './schema.ts'

/** Which operators a caller may name: those of `ops`, those of `ops.unsafe` as well, the package's own, or those that write to their tensor. */
export type Reach = 'ops' | 'unsafe' | 'own' | 'in place'

let linesByName: Map<string, [line: string, index: number][]> | undefined
const overloadsByName: Record<Reach, Map<string, readonly OperatorSchema[]>> = {
  ops: new Map(),
  unsafe: new Map(),
  own: new Map(),
  'in place': new Map(),
}

/**
 * The overloads of an operator of the linked libtorch that a caller may use, in the order in which arguments are tried against them.
 * Throws `ERR_UNKNOWN_OPERATOR` with the nearest name, or with the reason why the operator is not offered.
 */
export function overloads(name: string, reach: Reach): readonly OperatorSchema[] {
  const known = overloadsByName[reach].get(name)
  if (known) return known
  const schemas = schemasNamed(name, reach === 'own' ? 'frankentorch' : 'aten')
  const usable = schemas.filter(
    (schema) => reach === 'own' || (reach === 'in place' ? isInPlace(schema) : allows(reach, leftOut(schema))),
  )
  if (usable.length === 0) throw unknownOperator(name, schemas)
  overloadsByName[reach].set(name, usable)
  return usable
}

function schemasNamed(name: string, namespace: string): OperatorSchema[] {
  return (table().get(`${namespace}::${name}`) ?? []).map(([line, index]) => parseSchema(line, index))
}

function allows(reach: Reach, reason: string | undefined): boolean {
  return reason === undefined || (reach === 'unsafe' && reason === 'underscore')
}

// Parsing three thousand schemas takes longer than most programs: only the names are read, the rest at first use.
function table(): Map<string, [line: string, index: number][]> {
  if (linesByName) return linesByName
  linesByName = new Map()
  const lines = native().operatorSchemas().trimEnd().split('\n')
  for (const [index, line] of lines.entries()) {
    const name = /^~?(\w+::\w+)/.exec(line)![1]!
    const same = linesByName.get(name)
    if (same) same.push([line, index])
    else linesByName.set(name, [[line, index]])
  }
  return linesByName
}

function unknownOperator(name: string, schemas: readonly OperatorSchema[]): Error {
  const reasons = new Set(schemas.map(leftOut))
  if (reasons.has('underscore')) {
    return error(
      'ERR_UNKNOWN_OPERATOR',
      `Expected an operator but '${name}' is internal to libtorch; use ops.unsafe.${name}`,
    )
  }
  const [reason] = reasons
  if (reason) return error('ERR_UNKNOWN_OPERATOR', `Expected an operator but '${name}' is not offered: ${reason}`)
  const names = Array.from(table().keys(), (qualified) => qualified.slice(qualified.indexOf('::') + 2))
  const nearest = nearestName(name, names)
  return error(
    'ERR_UNKNOWN_OPERATOR',
    `Expected an operator of libtorch but there is none named '${name}'${nearest ? `; the nearest is '${nearest}'` : ''}`,
  )
}

/** The name with the fewest edits from `name`, when they are few against its length. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= fewest) continue
    const edits = editDistance(name, candidate)
    if (edits < fewest) [nearest, fewest] = [candidate, edits]
  }
  return nearest
}
