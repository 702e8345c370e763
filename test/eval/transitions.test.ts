import { expect, test } from 'vitest'
import { metric, transitions } from '../../src/eval/index.ts'

// One question in every case a pair of settings can have, then more of some: TT 1, TF 2, FT 3, FF 4.
const pairs: [boolean, boolean][] = [
  [true, true],
  ...Array<[boolean, boolean]>(2).fill([true, false]),
  ...Array<[boolean, boolean]>(3).fill([false, true]),
  ...Array<[boolean, boolean]>(4).fill([false, false]),
]
const column = (index: 0 | 1) => pairs.map((pair) => pair[index])

test('counts, net gain, side-effect and lift rates by hand', () => {
  expect(transitions(column(0), column(1))).toEqual({
    TT: 1,
    TF: 2,
    FT: 3,
    FF: 4,
    net_gain: 1,
    side_effect_rate: 0.6667, // 2 / (1 + 2)
    lift_rate: 0.4286, // 3 / (4 + 3)
  })
})

test('a rate without a denominator is null, not zero', () => {
  expect(transitions([true, true], [true, false])).toMatchObject({ side_effect_rate: 0.5, lift_rate: null })
  expect(transitions([false], [true])).toMatchObject({ side_effect_rate: null, lift_rate: 1 })
  expect(transitions([], [])).toBeNull()
})

test.each([
  ['M_vis', [true, true], 0],
  ['M_vis', [true, false], 1],
  ['M_vis', [false, true], 0],
  ['M_vis', [false, false], 0],
  ['M_v2r', [true, true], 1],
  ['M_v2r', [true, false], 0],
  ['M_v2r', [false, true], 0],
  ['M_v2r', [false, false], 0],
  ['M_rea', [true], 1],
  ['M_rea', [false], 0],
] as const)('%s of a question with verdicts %j is %d', (name, verdicts, value) => {
  expect(metric(name, [verdicts])).toEqual({ value, low: value, high: value })
})

test('over several questions the metrics are the shares TF / N and TT / N, within their interval', () => {
  expect(metric('M_vis', pairs)!.value).toBe(0.2)
  expect(metric('M_v2r', pairs)!.value).toBe(0.1)
  const { low, high } = metric('M_vis', pairs)!
  expect(low).toBeLessThan(0.2)
  expect(high).toBeGreaterThan(0.2)
  expect(metric('M_rea', [])).toBeNull()
})
