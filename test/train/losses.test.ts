import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { all } from '../../src/tensor/evaluate.ts'
import type { Expression } from '../../src/tensor/expression.ts'
import { memory, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { dapo, drGrpo, grpo, gspo, type Loss, type PolicyOptions, sft } from '../../src/train/losses/index.ts'

// Two completions: one of two tokens with ratios 1.5 and 0.5 and advantage 1, one of a single token with ratio 2 and advantage -1.
const ln = Math.log
const logprobs = [
  [ln(0.3), ln(0.1)],
  [ln(0.4), 0],
]
const old = [
  [ln(0.2), ln(0.2)],
  [ln(0.2), 0],
]
// p_ref / p: 0.5, 2; 0.25
const ref = [
  [ln(0.15), ln(0.2)],
  [ln(0.1), 0],
]
const mask = [
  [1, 1],
  [1, 0],
]
const options: PolicyOptions = { epsilon: 0.2, epsilonHigh: 0.3, beta: 0, kl: 'k3', maxCompletionLength: 10 }

let given: Tensor[]
let live: number
beforeEach(() => {
  live = memory().tensors
  given = []
})
afterEach(() => {
  for (const handle of given) handle.dispose()
  expect(memory().tensors).toBe(live)
})

async function valuesOf(loss: Loss): Promise<Record<string, number>> {
  const matrix = (rows: number[][]) => {
    const made = tensor(Float64Array.from(rows.flat()), [2, 2])
    given.push(made)
    return made.add(0)
  }
  const advantages = tensor(Float64Array.from([1, -1]), [2])
  given.push(advantages)
  const entropy = matrix([
    [1, 3],
    [2, 0],
  ])
  const inputs = {
    logprobs: matrix(logprobs),
    old: matrix(old),
    ref: matrix(ref),
    mask: matrix(mask),
    entropy,
    advantages: advantages.add(0),
  }
  const recorded = loss(inputs)
  const named: Record<string, Expression> = 'loss' in recorded ? recorded : { loss: recorded as Expression }
  const found: Record<string, number> = {}
  for (const [name, value] of Object.entries(await all(named))) {
    using computed = value as Tensor
    found[name] = Number(await computed.item())
  }
  return found
}

describe('by hand, on a completion of two tokens and one of one', () => {
  // Clipped: min(1.5, 1.3) and min(0.5, 0.8); min(-2, -1.3).
  test('grpo: the mean of the means 0.9 and -2', async () => {
    const { loss, clip_fraction_high, clip_fraction_low, entropy } = await valuesOf(grpo(options))
    expect(loss).toBeCloseTo(-((1.3 + 0.5) / 2 - 2) / 2, 12)
    // of three tokens one above with advantage, none below without
    expect([clip_fraction_high, clip_fraction_low]).toEqual([expect.closeTo(1 / 3, 6), 0])
    expect(entropy).toBeCloseTo(2, 12)
  })

  test('dapo: the mean of 1.3, 0.5 and -2', async () => {
    expect((await valuesOf(dapo(options))).loss).toBeCloseTo(-(1.3 + 0.5 - 2) / 3, 12)
  })

  test('dr_grpo: the sums 1.8 and -2 over the longest completion there can be', async () => {
    expect((await valuesOf(drGrpo(options))).loss).toBeCloseTo(-(1.8 / 10 - 2 / 10) / 2, 12)
  })

  // √(1.5 · 0.5) = 0.866…, within the bounds; 2, where the advantage is negative, is not clipped.
  test('gspo: one ratio a sequence', async () => {
    expect((await valuesOf(gspo(options))).loss).toBeCloseTo(-(Math.sqrt(0.75) - 2) / 2, 12)
  })

  test('gspo: a ratio beyond its bounds is clipped as a whole', async () => {
    const { loss } = await valuesOf(gspo({ ...options, epsilon: 0.1, epsilonHigh: 0.1 }))
    expect(loss).toBeCloseTo(-(Math.sqrt(0.75) - 2) / 2, 12) // below the bound a positive advantage still counts
    const flipped = await valuesOf((inputs) =>
      gspo({ ...options, epsilon: 0.1 })({ ...inputs, advantages: inputs.advantages.neg() }),
    )
    // min(-0.866, -0.9) and min(2, 1.3)
    expect(flipped.loss).toBeCloseTo(-(-0.9 + 1.3) / 2, 12)
  })

  test('sft: the mean of three log-probabilities', async () => {
    expect((await valuesOf(sft)).loss).toBeCloseTo(-(ln(0.3) + ln(0.1) + ln(0.4)) / 3, 12)
  })

  // log of p_ref / p: -ln 2, ln 2; -ln 4
  test.each([
    ['k1', [ln(2), -ln(2), ln(4)]],
    ['k2', [ln(2) ** 2 / 2, ln(2) ** 2 / 2, ln(4) ** 2 / 2]],
    ['k3', [0.5 - 1 + ln(2), 2 - 1 - ln(2), 0.25 - 1 + ln(4)]],
  ] as const)('%s: the divergence is taken off token by token', async (kind, [a, b, c]) => {
    const { loss, kl } = await valuesOf(grpo({ ...options, beta: 0.5, kl: kind }))
    expect(kl).toBeCloseTo((a + b + c) / 3, 12)
    expect(loss).toBeCloseTo(-((1.3 - 0.5 * a + 0.5 - 0.5 * b) / 2 + (-2 - 0.5 * c)) / 2, 12)
  })
})
