import { expect, test } from 'vitest'
import * as frankentorch from '../../src/index.ts'
import { examplesOf, printed, promised } from '../page.ts'

test.each(examplesOf('rewards.md'))('the example beginning with "$name" runs', async ({ code }) => {
  expect(promised(code)).not.toEqual([])
  expect(await printed(code, frankentorch)).toEqual(promised(code))
})
