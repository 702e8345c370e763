import { expect, test } from 'vitest'
import { Pace } from '../../src/study/pace.ts'

test('the rest takes as long for its cost as what was done for its own', () => {
  let now = 0
  const pace = new Pace([10, 30, 60], () => now)
  expect(pace.now(0, 0)).toEqual({ fraction: 0, remainingS: undefined })
  now = 20
  pace.finish(0)
  expect(pace.now(1, 0)).toEqual({ fraction: 0.1, remainingS: 180 })
  now = 50
  expect(pace.now(1, 0.5)).toEqual({ fraction: 0.25, remainingS: 150 })
})

test('what was found done says nothing of the pace', () => {
  let now = 0
  const pace = new Pace([10, 30, 60], () => now)
  pace.skip(0)
  expect(pace.now(1, 0)).toEqual({ fraction: 0.1, remainingS: undefined })
  now = 30
  expect(pace.now(1, 0.5)).toEqual({ fraction: 0.25, remainingS: 150 })
})
