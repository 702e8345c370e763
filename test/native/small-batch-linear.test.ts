import { afterAll, beforeAll, expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import { all } from '../../src/tensor/evaluate.ts'
import type { Expression } from '../../src/tensor/expression.ts'
import { ops } from '../../src/tensor/ops.ts'
import { record } from '../../src/tensor/record.ts'

let threads: number
beforeAll(async () => {
  threads = await native().numThreads()
  await native().setNumThreads(2)
})
afterAll(() => native().setNumThreads(threads))

function smallBatchLinear(x: Expression, weight: Expression, bias: Expression | null): Expression {
  return record('small_batch_linear', 'own', [x, weight, bias]) as Expression
}

function random(shape: number[], seed: number): Expression {
  return ops.randn(shape, { seed }).to('bfloat16')
}

const rows = [1, 2, 3, 4, 5, 7, 16, 29, 32, 37, 47, 50, 64]
const outputs = [1, 5, 6, 7, 13, 600]
const depths = [1, 31, 32, 33, 100, 2048, 2100, 4100]
// every class of each, not every combination
const shapes = rows.flatMap((m) => outputs.map((n, i) => [m, n, depths[(i + m) % depths.length]!] as const))

test.each(shapes)('%i rows, %i outputs, depth %i equal the product in float32', async (m, n, k) => {
  const [x, w] = [random([m, k], 1), random([n, k], 2)]
  for (const bias of [null, random([n], 3)]) {
    const ours = smallBatchLinear(x, w, bias)
    const exact = ops.linear(x.to('float32'), w.to('float32'), bias?.to('float32') ?? null)
    const { difference, largest } = await all({
      difference: ours.to('float32').sub(exact).abs().max(),
      largest: exact.abs().max(),
    })
    // sums in float32, rounded once to bfloat16's 8 bits
    expect(Number(await difference.item())).toBeLessThanOrEqual(Number(await largest.item()) * 2 ** -8 + 1e-6)
  }
})

test('rows of a wider matrix are read where they lie', async () => {
  const [x, wide] = [random([3, 64], 4), random([10, 100], 5)]
  const part = wide.narrow(1, 7, 64)
  const [ours, packed] = [smallBatchLinear(x, part, null), smallBatchLinear(x, part.contiguous(), null)]
  expect(await (await ours.sub(packed).abs().max()).item()).toBe(0)
})

test.each([1, 3, 16, 37, 64])('%i rows by weights that begin anywhere in a line of the cache', async (m) => {
  for (const [begin, depth] of [
    [1, 32],
    [20, 64],
    [31, 2048],
    [5, 7],
    [12, 4128],
  ] as const) {
    const numbers = random([begin + 13 * depth], 8)
    const weight = numbers.narrow(0, begin, 13 * depth).view([13, depth])
    const x = random([m, depth], 9)
    const exact = ops.linear(x.to('float32'), weight.to('float32'))
    const { difference, largest } = await all({
      difference: smallBatchLinear(x, weight, null).to('float32').sub(exact).abs().max(),
      largest: exact.abs().max(),
    })
    expect(Number(await difference.item())).toBeLessThanOrEqual(Number(await largest.item()) * 2 ** -8 + 1e-6)
  }
})

test('what stands before the weights is not read, not even where it is no number', async () => {
  const numbers = ops.cat([ops.full([20], Number.NaN, { dtype: 'bfloat16' }), random([6 * 64], 8)])
  const found = smallBatchLinear(random([5, 64], 9), numbers.narrow(0, 20, 6 * 64).view([6, 64]), null)
  expect(await (await found.isfinite().all()).item()).toBe(true)
})

test.each([
  ['float32', 4],
  ['bfloat16', 65],
] as const)('%s with %i rows is left to ATen', async (dtype, m) => {
  const [x, w] = [random([m, 40], 6).to(dtype), random([9, 40], 7).to(dtype)]
  expect(await (await smallBatchLinear(x, w, null).sub(ops.linear(x, w)).abs().max()).item()).toBe(0)
})

test('unequal depths are an error that leaves the engine usable', async () => {
  await expect(smallBatchLinear(random([2, 8], 1), random([3, 9], 1), null).then()).rejects.toMatchObject({
    code: 'ERR_ENGINE',
  })
  expect(await (await ops.ones([2]).sum()).item()).toBe(2)
})
