import { afterAll, beforeAll, expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import type { Expression } from '../../src/tensor/expression.ts'
import { ops } from '../../src/tensor/ops.ts'
import { record } from '../../src/tensor/record.ts'

let threads: number
beforeAll(async () => {
  threads = await native().numThreads()
  await native().setNumThreads(2)
})
afterAll(() => native().setNumThreads(threads))

interface Block {
  distinct: number
  k: Expression
  v: Expression
  first: number
  rows: number
  copies: number
}
const [heads, kvHeads, rows] = [6, 2, 10]

/** Row by row: softmax over all keys of its blocks, one after another. */
function twin(q: Expression, blocks: readonly Block[], width: number): Expression {
  const answers = Array.from({ length: rows }, (_, row) => {
    const of = (x: 'k' | 'v') =>
      ops.cat(
        blocks
          .filter(({ first, rows }) => row >= first && row < first + rows)
          .flatMap((block) => {
            const each = block.rows / block.distinct
            const own = block[x].select(0, Math.floor((row - block.first) / each)).repeat_interleave(heads / kvHeads, 0)
            return Array.from({ length: block.copies }, () => own.to('float64'))
          }),
        1,
      )
    const scores = of('k')
      .matmul(q.select(0, row).to('float64').unsqueeze(-1))
      .squeeze(-1)
      .mul(1 / Math.sqrt(width))
    return scores.softmax(-1).unsqueeze(1).matmul(of('v')).squeeze(1)
  })
  return ops.stack(answers)
}

test.each([
  ['bfloat16', 64, 2 ** -8],
  ['bfloat16', 40, 2 ** -8],
  ['float32', 64, 2e-6],
  ['float32', 7, 2e-6],
  ['float64', 128, 1e-14],
] as const)(
  '%s of width %i: rows attend to what they share, counted as often as it counts',
  async (dtype, width, tolerance) => {
    let seed = 1
    const random = (...shape: number[]) => ops.randn(shape, { seed: seed++ }).to(dtype)
    const q = random(rows, heads, width)
    const block = (distinct: number, tokens: number, first: number, rows: number, copies = 1): Block => {
      // as in a cache that has room for more
      const [k, v] = [random(distinct, kvHeads, tokens + 5, width), random(distinct, kvHeads, tokens + 5, width)]
      return { distinct, k: k.narrow(2, 0, tokens), v: v.narrow(2, 0, tokens), first, rows, copies }
    }
    const blocks = [
      block(1, 33, 0, 9),
      block(3, 4, 3, 6),
      block(1, 70, 1, 8, 3),
      block(1, 1, 9, 1),
      block(rows, 2, 0, rows),
    ]
    const list = (pick: (block: Block) => unknown) => blocks.map(pick)
    const ours = record('block_attention', 'own', [
      q,
      list(({ k }) => k),
      list(({ v }) => v),
      list(({ first }) => first),
      list(({ rows }) => rows),
      list(({ copies }) => copies),
    ]) as Expression
    const exact = twin(q, blocks, width)
    const [difference, largest] = [ours.to('float64').sub(exact).abs().max(), exact.abs().max()]
    expect(Number(await difference.item())).toBeLessThan(tolerance * Number(await largest.item()))
  },
)

test('scores that would overflow without their largest do not', async () => {
  const filled = (value: number, ...shape: number[]) => ops.ones(shape).mul(value)
  const q = filled(100, 1, 1, 4)
  const keys = [filled(100, 1, 1, 1, 4), filled(-100, 1, 1, 1, 4)]
  const values = [ops.ones([1, 1, 1, 4]), ops.zeros([1, 1, 1, 4])]
  const answer = record('block_attention', 'own', [q, keys, values, [0, 0], [1, 1], [1, 1]]) as Expression
  expect([...(await (await answer).data())]).toEqual([1, 1, 1, 1])
})
