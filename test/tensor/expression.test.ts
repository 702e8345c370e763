import { describe, expect, test } from 'vitest'
import { rand, randn } from '../../src/tensor/constructors.ts'
import { all, run } from '../../src/tensor/evaluate.ts'
import { Expression } from '../../src/tensor/expression.ts'
import { grad } from '../../src/tensor/gradients.ts'
import { float } from '../../src/tensor/instruction.ts'
import { ops } from '../../src/tensor/ops.ts'
import { program } from '../../src/tensor/program.ts'
import { manualSeed } from '../../src/tensor/random.ts'
import { scope } from '../../src/tensor/scope.ts'
import { memory, Tensor, tensor } from '../../src/tensor/tensor.ts'

const x = tensor([
  [1, 2],
  [3, 4],
])

describe('recording', () => {
  test('awaiting an expression gives a tensor', async () => {
    const recorded = x.mul(0.5).add(x).matmul(x)
    expect(recorded).toBeInstanceOf(Expression)
    const result = await recorded
    expect(result).toBeInstanceOf(Tensor)
    expect(await result.tolist()).toEqual([
      [10.5, 15],
      [22.5, 33],
    ])
  })

  test('every await runs anew', async () => {
    const recorded = x.add(1)
    const [first, second] = [await recorded, await recorded]
    first.dispose()
    expect(await second.tolist()).toEqual([
      [2, 3],
      [4, 5],
    ])
  })

  test('all runs one program, in which what is shared is computed once', async () => {
    const shared = x.mul(2)
    const { sum, pieces, width, nested, own } = await all({
      sum: shared.sum(),
      pieces: shared.unbind(),
      width: x.size(1),
      nested: [shared.max(), { least: shared.min(1) }] as const,
      own: x,
    })
    expect(await sum.item()).toBe(20)
    expect(await Promise.all(pieces.map((piece) => piece.tolist()))).toEqual([
      [2, 4],
      [6, 8],
    ])
    expect(width).toBe(2)
    expect(await nested[0].item()).toBe(8)
    expect(await nested[1].least.values.tolist()).toEqual([2, 6])
    expect(own).toBe(x)
    const text = String(program(() => [shared.sum(), shared.max()]))
    expect(text.match(/mul/g)).toHaveLength(1)
  })

  test('several results come by name or position, recorded or awaited', async () => {
    const { values } = x.topk(1)
    expect(await values.tolist()).toEqual([[2], [4]])
    const { indices } = await x.topk(1)
    expect(await indices.tolist()).toEqual([[1n], [1n]])
    const [output, mask] = await ops.native_dropout(x, 0, true)
    expect([output.shape, mask.dtype]).toEqual([[2, 2], 'bool'])
    expect(await x.split(1).at(-1).tolist()).toEqual([[3, 4]])
  })

  test('a recorded integer is an argument of what follows', async () => {
    const last = x.size(1).sub(1)
    expect(await x.narrow(1, last, 1).tolist()).toEqual([[2], [4]])
    expect(
      await x
        .reshape([x.size(0).mul(2), 1])
        .squeeze()
        .tolist(),
    ).toEqual([1, 2, 3, 4])
    expect(await last.floorDivide(-2)).toBe(-1)
  })

  test('integral numbers are ints, float() forces a float, bigints reach 64 bits', async () => {
    const ints = tensor([1n, 2n])
    expect((await ints.add(1)).dtype).toBe('int64')
    expect((await ints.add(float(1))).dtype).toBe('float32')
    expect(await ints.add(2n ** 62n).tolist()).toEqual([2n ** 62n + 1n, 2n ** 62n + 2n])
    expect(await ints.mul(-(2n ** 61n)).tolist()).toEqual([-(2n ** 61n), -(2n ** 62n)])
  })

  test('a program reads as text', () => {
    const text = x.mul(0.5).sum(1, { dtype: 'float64', keepdim: true }).toString()
    expect(text).toBe(
      [
        '%0 = Tensor([2, 2], float32, cpu)',
        '%1 = aten::mul.Scalar(%0, 0.5)',
        '%2 = aten::sum.dim_IntList(%1, 1, true, dtype="float64")',
        'return %2',
      ].join('\n'),
    )
    const { values } = x.sort({ descending: true })
    expect(values.add(float(1)).toString()).toMatch(
      /%1, %2 = aten::sort\(%0, descending=true\)\n%3 = aten::add\.Scalar\(%1, 1\.\)\nreturn %3$/,
    )
  })

  test('a program may be 10,000 instructions deep', async () => {
    let value = x.add(1)
    for (let i = 1; i < 10_000; i++) value = value.add(1)
    expect(await value.tolist()).toEqual([
      [10_001, 10_002],
      [10_003, 10_004],
    ])
  })
})

describe('random operators', () => {
  test('repeat what they drew when the expression runs again', async () => {
    const drawn = rand([4])
    expect(await drawn.tolist()).toEqual(await drawn.tolist())
    expect(await drawn.tolist()).not.toEqual(await rand([4]).tolist())
    const dropped = ops.dropout(x, 0.5, true)
    expect(await dropped.tolist()).toEqual(await dropped.tolist())
  })

  test('repeat from manualSeed on, and from a seed of their own', async () => {
    manualSeed(3)
    const first = await randn([4]).tolist()
    manualSeed(3)
    expect(await randn([4]).tolist()).toEqual(first)
    expect(await randn([2], { seed: 5 }).tolist()).toEqual(await randn([2], { seed: 5n }).tolist())
    expect(() => randn([2], { seed: -1 })).toThrow('an integer ≥ 0 for seed of randn')
  })

  test("leave libtorch's own generator as it was", async () => {
    const outside = ops.dropout(x, 0.5, true, { seed: 1 })
    const before = await outside.tolist()
    await ops.dropout(x, 0.5, true, { seed: 2 })
    expect(await outside.tolist()).toEqual(before)
  })
})

describe('recorded programs', () => {
  test('run on other inputs', async () => {
    const affine = program((a, b) => ({ y: a.mul(2).add(b), rows: a.size(0) }))
    expect(affine.instructionCount).toBe(3)
    const { y, rows } = await affine.run([x, x])
    expect([await y.tolist(), rows]).toEqual([
      [
        [3, 6],
        [9, 12],
      ],
      2,
    ])
    expect(String(affine)).toContain('aten::mul.Scalar(input0, 2)')
    await expect(affine.run([x])).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test.each<[string, (input: Expression) => unknown]>([
    ['shape', (input) => input.shape],
    ['dtype', (input) => input.add(1).dtype],
    ['a comparison', (input) => (input.sum() as unknown as number) > 0],
    ['a sum', (input) => (input.size(0) as unknown as number) + 1],
  ])('have no values while they are recorded: %s', (_, ask) => {
    expect(() => program((input) => ask(input) as object)).toThrow(
      expect.objectContaining({ code: 'ERR_SYMBOLIC_VALUE' }),
    )
  })

  test('cannot be awaited while they are recorded', async () => {
    let inside: PromiseLike<unknown>[] = []
    program((input) => {
      inside = [input.add(1).item(), input.data(), input.size(0).add(1)]
      return input
    })
    for (const value of inside) await expect(value).rejects.toMatchObject({ code: 'ERR_SYMBOLIC_VALUE' })
    expect(() => program(async (input) => input.add(1))).toThrow('a synchronous function')
  })
})

describe('dtypes', () => {
  test.each([
    ['float64', [1.5, -2]],
    ['float16', [1.5, -2]],
    ['bfloat16', [1.5, -2]],
    ['float8_e4m3fn', [1.5, -2]],
    ['float8_e5m2', [1.5, -2]],
    ['int32', [1, -2]],
    ['uint16', [1, 65535]],
    ['uint32', [1, 65534]],
    ['uint64', [1n, 65534n]],
    ['bool', [true, true]],
  ] as const)('%s crosses both ways', async (dtype, values) => {
    const made = await tensor([...values].map(Number), { dtype: 'float64' }).to(dtype)
    expect(made.dtype).toBe(dtype)
    expect(await made.tolist()).toEqual(values)
  })

  test('complex numbers cross as pairs', async () => {
    const z = tensor([
      { re: 1, im: 2 },
      { re: 0, im: -1 },
    ])
    expect([z.dtype, z.shape]).toEqual(['complex64', [2]])
    expect(await z.conj().tolist()).toEqual([
      { re: 1, im: -2 },
      { re: 0, im: 1 },
    ])
    expect(await z.mul(2).data()).toEqual(Float32Array.of(2, 4, 0, -2))
  })

  test('lists must be even and of what the dtype holds', () => {
    expect(() => tensor([[1, 2], [3]])).toThrow(expect.objectContaining({ code: 'ERR_SHAPE_MISMATCH' }))
    expect(() => tensor([1.5], { dtype: 'int64' })).toThrow('an integer')
    expect(() => tensor([1], { dtype: 'bfloat16' })).toThrow("tensor(list).to('bfloat16')")
    expect([tensor([]).shape, tensor(3).shape]).toEqual([[0], []])
  })
})

describe('lifetime', () => {
  test('a scope disposes what it made but returns', async () => {
    const made: Tensor[] = []
    const { z } = await scope(async () => {
      const y = await x.add(1)
      const { inner } = await scope(async () => ({ inner: await y.mul(2) }))
      made.push(y, inner)
      expect(inner.disposed).toBe(false)
      return { z: await y.mul(3), count: 1 }
    })
    expect([z, ...made].map(({ disposed }) => disposed)).toEqual([false, true, true])
    z.dispose()
  })

  test('a scope disposes everything when it fails', async () => {
    let made: Tensor | undefined
    const failing = scope(async () => {
      made = await x.add(1)
      return x.matmul(tensor([1, 2, 3]))
    })
    await expect(failing).rejects.toMatchObject({ code: 'ERR_ENGINE' })
    expect(made!.disposed).toBe(true)
  })

  test('an abort stops a program between instructions', async () => {
    let slow = rand([400, 400]).mul(0.01)
    for (let i = 0; i < 2000; i++) slow = slow.matmul(slow)
    const controller = new AbortController()
    const running = run(slow, { signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    const begun = performance.now()
    await expect(running).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(performance.now() - begun).toBeLessThan(4000)
    expect(await x.sum().item()).toBe(10)
  })

  test('10,000 programs leave nothing behind', { timeout: 60_000 }, async () => {
    const before = memory().tensors
    const unfit = tensor([1, 2, 3])
    const w = await tensor([1, 2]).requiresGrad()
    let settled = 0
    for (let i = 0; i < 10_000; i++) {
      if (i === 2_000) settled = process.memoryUsage().rss
      ;(await x.mul(w).add(rand([2]))).dispose()
      if (i % 10 === 0) (await grad(x.mul(w).sum(), [w])[0]!).dispose()
      if (i % 500 === 0) await run(x.matmul(unfit)).catch(() => {})
    }
    for (const made of [unfit, w]) made.dispose()
    expect(process.memoryUsage().rss - settled).toBeLessThan(32 * 2 ** 20)
    expect(memory().tensors).toBeLessThanOrEqual(before) // fewer where older garbage was collected meanwhile
  })
})
