import { describe, expect, test } from 'vitest'
import { all, type Dtype, type Expression, ops, type Tensor, tensor } from '../../src/index.ts'
import { recordOwn } from '../../src/tensor/record.ts'

const own = (name: string, ...values: unknown[]) => recordOwn(name, values) as Expression
const floats: Dtype[] = ['float64', 'float32', 'bfloat16', 'float16']
const numbers = async (expression: Expression) => Array.from((await expression.data()) as Float64Array, Number)

/** What `update_statistics` says, from libtorch's operators. */
async function twin(chain: readonly Tensor[]): Promise<number[]> {
  const wide = chain.some(({ dtype }) => dtype === 'float64')
  const values = chain.map((w) => w.to(wide ? 'float64' : 'float32') as Expression)
  const deltas = values.slice(1).map((after, i) => after.sub(values[i]!))
  const sum = (x: Expression) => (x.to('float64') as Expression).sum()
  const square = (x: Expression) => sum((x.to('float64') as Expression).square())
  const scalars = [
    ...values.map(square),
    ...deltas.flatMap((delta) => [
      square(delta),
      delta.abs().max().to('float64'),
      sum(delta.eq(0) as Expression),
      sum(delta.abs()),
    ]),
    ...deltas.flatMap((one, i) =>
      deltas.slice(i + 1).map((other) => sum((one.to('float64') as Expression).mul(other.to('float64')))),
    ),
  ]
  return numbers(ops.stack(scalars as Expression[]) as Expression)
}

describe('update_statistics equals its twin of libtorch operators', () => {
  test.each([
    [2, 1, 'float32'],
    [2, 4097, 'bfloat16'],
    [3, 200_003, 'bfloat16'],
    [3, 131_072, 'float16'],
    [4, 70_001, 'float32'],
    [3, 50_000, 'float64'],
  ] as [number, number, Dtype][])('%i checkpoints of %i elements of %s', async (checkpoints, elements, dtype) => {
    const chain: Tensor[] = []
    for (let i = 0; i < checkpoints; i++) {
      const before = chain.at(-1)
      const step = ops.randn([elements], { seed: i }).mul(ops.rand([elements], { seed: 10 + i }).lt(0.5))
      chain.push((await (before ? step.mul(0.01).add(before) : step).to(dtype)) as Tensor)
    }
    const { sums, counts } = recordOwn('update_statistics', [chain]) as unknown as Record<'sums' | 'counts', Expression>
    const actual = await numbers(sums)
    const expected = await twin(chain)
    expect(actual).toHaveLength(expected.length)
    expected.forEach((value, i) => {
      expect(Math.abs(actual[i]! - value), `sum ${i}`).toBeLessThanOrEqual(1e-11 * Math.max(1, Math.abs(value)))
    })
    const unchanged = Array.from({ length: checkpoints - 1 }, (_, i) => actual[checkpoints + 4 * i + 2]!)
    const counted = await numbers(counts.sum([1]))
    expect(counted).toEqual(unchanged.map((same) => elements - same))
  })

  test('mixed dtypes, and what is equal though no number', async () => {
    using one = tensor(Float32Array.from([1, 2, Number.NaN, Number.POSITIVE_INFINITY]))
    using other = tensor(Float64Array.from([1, 2.5, Number.NaN, Number.POSITIVE_INFINITY]))
    const { sums } = recordOwn('update_statistics', [[one, other]]) as unknown as { sums: Expression }
    expect((await numbers(sums)).slice(2)).toEqual([0.25, 0.5, 3, 0.5])
  })

  test.each(floats)('magnitudes of %s are counted by the exponent of 2', async (dtype) => {
    // exponents from below the first bin to above the last, as far as the dtype has them, signs and fractions among them
    const steps = Float64Array.from(
      { length: 3 * 4099 },
      (_, i) => (i % 2 ? -1 : 1) * 2 ** ((i % 71) - 52) * (1 + (i % 3) / 4),
    )
    using before = (await ops.zeros([steps.length]).to(dtype)) as Tensor
    using after = (await tensor(steps).to(dtype)) as Tensor
    const { counts } = recordOwn('update_statistics', [[before, after]]) as unknown as { counts: Expression }
    const expected = new Array(64).fill(0)
    for (const step of await numbers(after.to('float64') as Expression)) {
      const exponent = Math.floor(Math.log2(Math.abs(step)))
      if (step !== 0 && Number.isFinite(step)) expected[Math.min(63, Math.max(0, exponent + 48))]++
      else if (step !== 0) expected[63]++
    }
    expect(await numbers(counts)).toEqual(expected)
  })

  test('every float16 number is read exactly', async () => {
    const every = Uint16Array.from({ length: 1 << 16 }, (_, i) => i)
    using bits = tensor(Int16Array.from(every))
    using halves = (await bits.view('float16')) as Tensor
    using zeros = (await ops.zeros([every.length]).to('float16')) as Tensor
    const { sums } = recordOwn('update_statistics', [[zeros, halves]]) as unknown as { sums: Expression }
    expect(Number.isFinite((await numbers(sums))[1]!)).toBe(false)
    using finite = (await halves.isfinite()) as Tensor
    using numbersOnly = (await halves.masked_select(finite)) as Tensor
    using none = (await ops.zeros([numbersOnly.numel()]).to('float16')) as Tensor
    const { sums: own } = recordOwn('update_statistics', [[none, numbersOnly]]) as unknown as { sums: Expression }
    const expected = await twin([none, numbersOnly])
    ;(await numbers(own)).forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-13 * Math.abs(expected[i]!))
    })
  })

  test('tensors of unlike shapes are refused', async () => {
    using one = tensor([1, 2])
    using other = tensor([1, 2, 3])
    const { sums } = recordOwn('update_statistics', [[one, other]]) as unknown as { sums: Expression }
    await expect(sums.data()).rejects.toThrow('equal shape')
  })
})

test.each(floats)('inner_product of %s equals a sum in float64', async (dtype) => {
  using a = (await ops.randn([300, 301], { seed: 1 }).to(dtype)) as Tensor
  using b = (await ops.randn([300, 301], { seed: 2 }).to(dtype)) as Tensor
  const twin = (a.to('float64') as Expression).mul(b.to('float64')).sum()
  const { actual, expected } = await all({ actual: own('inner_product', a, b), expected: twin })
  expect(Math.abs(Number(await actual.item()) - Number(await expected.item()))).toBeLessThan(1e-9)
})

test.each([1, 2, 1000, 300_000])('magnitude_threshold equals kthvalue on %i elements', async (elements) => {
  using x = await ops.randn([elements], { seed: 3 })
  for (const density of [1e-9, 0.2, 0.5, 1]) {
    const k = Math.floor(density * elements)
    const actual = await own('magnitude_threshold', x, density).item()
    if (k === 0) expect(actual).toBe(Number.POSITIVE_INFINITY)
    else {
      const { values } = x.abs().kthvalue(elements - k + 1)
      expect(actual).toBe(await values.item())
    }
  }
})

test.each(floats)('first_non_finite names the first place of %s', async (dtype) => {
  const find = (x: Tensor) => recordOwn('first_non_finite', [x]) as unknown as PromiseLike<number>
  using clean = (await ops.randn([600_000], { seed: 4 }).to(dtype)) as Tensor
  expect(await find(clean)).toBe(-1)
  for (const [place, value] of [
    [0, Number.NaN],
    [599_999, Number.POSITIVE_INFINITY],
    [300_001, Number.NEGATIVE_INFINITY],
  ] as const) {
    const places = ops.arange(600_000)
    using dirty = await clean.masked_fill(places.eq(place), value)
    expect(await find(dirty)).toBe(place)
  }
})

test('normal draws have the moments of N(0, 1) and do not depend on where a piece begins', async () => {
  const draw = async (size: number, first: number) =>
    Array.from((await own('normal', ops.empty([size]), 5, first).data()) as Float32Array)
  const whole = await draw(400_000, 0)
  expect(await draw(4000, 100_000)).toEqual(whole.slice(100_000, 104_000))
  const mean = whole.reduce((sum, x) => sum + x, 0) / whole.length
  const variance = whole.reduce((sum, x) => sum + x * x, 0) / whole.length
  expect(Math.abs(mean)).toBeLessThan(0.01)
  expect(Math.abs(variance - 1)).toBeLessThan(0.01)
})
