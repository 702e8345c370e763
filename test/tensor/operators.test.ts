import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { leftOutPage, operatorNames, operatorTypings } from '../../scripts/operator-typings.ts'
import { release } from '../../src/libtorch/release.ts'
import { native } from '../../src/native.ts'
import { all } from '../../src/tensor/evaluate.ts'
import { float, type Instruction, isRecorded, type Recorded } from '../../src/tensor/instruction.ts'
import { ops } from '../../src/tensor/ops.ts'
import { parseSchemas } from '../../src/tensor/schema.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { type Case, expectTensor, type Fixture, fixtures, made, type Nested, onDevice } from './fixture.ts'

const inputs = await onDevice(fixtures.tensors.map(made))

function argument(value: Nested<Fixture>): unknown {
  if (Array.isArray(value)) return value.map(argument)
  if (typeof value !== 'object' || value === null) return value
  if ('tensor' in value) return inputs[value.tensor]
  if ('int' in value) return BigInt(value.int)
  if ('float' in value) return float(Number(value.float.replace('inf', 'Infinity')))
  throw new Error('a tensor outside the pool')
}

/** As a method where there is one. */
function recorded({ op, args, kwargs }: Case): object {
  const [first, ...rest] = args.map(argument)
  const keywords = Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [name, argument(value)]))
  const method = first instanceof Tensor && (first as unknown as Record<string, unknown>)[op]
  if (typeof method === 'function') return method.call(first, ...rest, keywords)
  const operator = (ops as unknown as Record<string, (...values: unknown[]) => object>)[op]!
  return args.length > 0 ? operator(first, ...rest, keywords) : operator(keywords)
}

async function expectResult(actual: unknown, wanted: Nested<Fixture>, upToSign?: boolean): Promise<void> {
  if (Array.isArray(wanted)) {
    const results = Object.values(actual as object)
    expect(results).toHaveLength(wanted.length)
    for (const [i, each] of wanted.entries()) await expectResult(results[i], each, upToSign)
  } else if (typeof wanted !== 'object' || wanted === null) {
    expect(actual).toBe(wanted)
  } else if ('dtype' in wanted) {
    await expectTensor(actual as Tensor, wanted, upToSign)
  } else {
    expect(actual).toBe(Number((wanted as { float: string }).float))
  }
}

const { torchVersion } = native()

describe('values of Python torch', () => {
  const names = Array.from(new Set(fixtures.cases.map(({ op }) => op)))
  test('for no fewer than 300 operators', () => expect(names.length).toBeGreaterThanOrEqual(300))

  test('with every kind of argument', () => {
    const kinds = fixtures.cases.flatMap((each) => {
      const result = recorded(each)
      const [first] = isRecorded(result) ? [result] : Object.values(result)
      const { schema, arguments: values } = (first as Recorded).source as Instruction
      return schema.arguments.flatMap(({ type }, i) =>
        values[i] == null ? [] : [type.replace(/\[\d+\]/, '[]').replace(/\?$/, '')],
      )
    })
    const wanted =
      'Tensor Tensor[] Tensor?[] SymInt SymInt[] int int[] float float[] Scalar Scalar[] bool bool[] str'.split(' ')
    const special = ['ScalarType', 'Device', 'Layout', 'MemoryFormat']
    expect(Array.from(new Set(kinds))).toEqual(expect.arrayContaining([...wanted, ...special]))
  })

  test.each(names)('%s', async (name) => {
    for (const each of fixtures.cases.filter(({ op }) => op === name)) {
      await expectResult(await recorded(each), each.result, each.upToSign)
    }
  })

  test('for all of them in one program', async () => {
    const results = await all(fixtures.cases.map(recorded))
    for (const [i, { result, upToSign }] of fixtures.cases.entries()) await expectResult(results[i], result, upToSign)
  })
})

const pinned = torchVersion === release.version
if (!pinned)
  console.log(`operators.test.ts: the generated files are of libtorch ${release.version}, not ${torchVersion}`)

describe.runIf(pinned)('generated files', () => {
  const schemas = parseSchemas(native().operatorSchemas())
  const committed = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

  test('are those of the linked libtorch (else: node scripts/generate-operators.mjs)', () => {
    expect(operatorTypings(schemas, torchVersion) === committed('src/tensor/operators.generated.ts')).toBe(true)
    expect(operatorNames(schemas, torchVersion)).toBe(committed('src/tensor/operator-names.generated.ts'))
    expect(leftOutPage(schemas, torchVersion) === committed('docs/operators-left-out.md')).toBe(true)
  })

  test('parsing a schema loses nothing of it', () => {
    const spelled = schemas.map(({ namespace, name, overload, arguments: declared, returns }) => {
      const parts = declared.flatMap(({ keywordOnly, type, name, defaultValue }, i) => [
        ...(keywordOnly && !declared[i - 1]?.keywordOnly ? ['*'] : []),
        `${type} ${name}${defaultValue === undefined ? '' : `=${defaultValue}`}`,
      ])
      const results = returns.map(({ type, name }) => (name === undefined ? type : `${type} ${name}`)).join(', ')
      const qualified = `${namespace}::${name}${overload && '.'}${overload}`
      return `${qualified}(${parts.join(', ')}) -> ${returns.length === 1 ? results : `(${results})`}`
    })
    const withoutAliases = schemas.map(({ text }) =>
      text.replace(/(?<=\w)\((Tensor, Tensor|[a-z*|]+!?( -> [^)]*)?)\)/g, ''),
    )
    expect(spelled).toEqual(withoutAliases)
  })
})
