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
import { device } from '../device.ts'
import {
  type Case,
  type Comparison,
  expectTensor,
  type Fixture,
  fixtures,
  made,
  type Nested,
  onDevice,
} from './fixture.ts'

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

function how({ upToSign }: Case, result: object): Comparison {
  const [first] = isRecorded(result) ? [result] : Object.values(result)
  const drawn = ((first as Recorded).source as Instruction).seed !== undefined
  return drawn && onGpu ? 'shape' : upToSign ? 'up to sign' : 'values'
}

async function expectResult(actual: unknown, wanted: Nested<Fixture>, comparison: Comparison): Promise<void> {
  if (Array.isArray(wanted)) {
    const results = Object.values(actual as object)
    expect(results).toHaveLength(wanted.length)
    for (const [i, each] of wanted.entries()) await expectResult(results[i], each, comparison)
  } else if (typeof wanted !== 'object' || wanted === null) {
    expect(actual).toBe(wanted)
  } else if ('dtype' in wanted) {
    await expectTensor(actual as Tensor, wanted, comparison)
  } else {
    expect(actual).toBe(Number((wanted as { float: string }).float))
  }
}

const { torchVersion } = native()

/** What a GPU gives otherwise than the CPU, on which the fixtures were made, and why. */
const unlikeOnGpu: Record<string, string> = {
  embedding_bag: 'what only its gradient needs is empty',
  histogram: 'there is no kernel',
  histogramdd: 'there is no kernel',
  kl_div: 'the sum cancels',
  linalg_lstsq: 'the rank is not computed',
  lstm: 'cuDNN multiplies in TF32',
  scaled_dot_product_attention: 'one of its cases drops out',
  scatter: 'indices repeat, so the last to write differs',
  unique_dim: 'what was not asked for is empty',
}
const onGpu = device.startsWith('cuda')
const compared = fixtures.cases.filter(({ op }) => !(onGpu && op in unlikeOnGpu))
if (onGpu) {
  const left = Object.entries(unlikeOnGpu).map(([op, why]) => `${op} (${why})`)
  console.log(
    `operators.test.ts: on a GPU draws are others, so only their shape is compared; left out: ${left.join(', ')}`,
  )
}

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

  test.each(Array.from(new Set(compared.map(({ op }) => op))))('%s', async (name) => {
    for (const each of compared.filter(({ op }) => op === name)) {
      const result = recorded(each)
      await expectResult(await result, each.result, how(each, result))
    }
  })

  test('for all of them in one program', async () => {
    const programs = compared.map(recorded)
    const results = await all(programs)
    for (const [i, each] of compared.entries()) await expectResult(results[i], each.result, how(each, programs[i]!))
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
