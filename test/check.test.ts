import { expect, test } from 'vitest'
import { z } from 'zod'
import { check } from '../src/check.ts'

const Options = z.strictObject({
  maxNewTokens: z.int().min(1).default(128),
  dtype: z.enum(['float32', 'bfloat16']).default('float32'),
  layers: z.union([z.literal('all'), z.array(z.int())]).optional(),
})

const cases: [unknown, string, string][] = [
  [{ maxNewTokens: 'x' }, 'ERR_INVALID_ARGUMENT', "Expected a number for options.maxNewTokens but received 'x'"],
  [{ maxNewTokens: 0 }, 'ERR_INVALID_ARGUMENT', 'Expected a number ≥ 1 for options.maxNewTokens but received 0'],
  [{ maxNewTokens: 1.5 }, 'ERR_INVALID_ARGUMENT', 'Expected an integer for options.maxNewTokens but received 1.5'],
  [
    { dtype: 'int3' },
    'ERR_INVALID_ARGUMENT',
    "Expected one of 'float32', 'bfloat16' for options.dtype but received 'int3'",
  ],
  [{ layers: [1, 'a'] }, 'ERR_INVALID_ARGUMENT', "Expected a number for options.layers.1 but received 'a'"],
  [{ layers: 7 }, 'ERR_INVALID_ARGUMENT', "Expected 'all' or an array for options.layers but received 7"],
  [
    { maxTokens: 1 },
    'ERR_UNKNOWN_OPTION',
    "Expected only maxNewTokens, dtype, layers in options but received 'maxTokens'",
  ],
  [undefined, 'ERR_INVALID_ARGUMENT', 'Expected an object for options but received undefined'],
]

test.each(cases)('an argument error says what was expected and received: %j', (value, code, message) => {
  expect(() => check(Options, value)).toThrowError(expect.objectContaining({ code, message }))
})

test('a valid argument comes back with its defaults', () => {
  expect(check(Options, {})).toEqual({ maxNewTokens: 128, dtype: 'float32' })
})
