import { expect, test } from 'vitest'
import * as frankentorch from '../../src/index.ts'
import { examplesOf, printed, promised } from '../page.ts'

const examples = examplesOf('tensors.md')

test('docs/tensors.md has examples', () => expect(examples.length).toBeGreaterThanOrEqual(6))

test.each(examples)('the example beginning with "$name" runs', async ({ code }) => {
  const lines = await printed(code, frankentorch)
  const expected = promised(code)
  expect(lines.slice(0, expected.length)).toEqual(expected)
})
