import { expect, test } from 'vitest'
import { integer, layers, list, number } from '../../src/cli/options.ts'

test.each<[string, 'all' | number[]]>([
  ['all', 'all'],
  ['3', [3]],
  ['0-5,7', [0, 1, 2, 3, 4, 5, 7]],
  ['4-4, 2', [4, 2]],
])('layers %s: ranges are inclusive', (text, expected) => {
  expect(layers(text)).toEqual(expected)
})

test.each(['', '-1', '5-3', '1-', '1..3', 'a', '1,,2', '0x3'])("layers '%s' are refused", (text) => {
  expect(() => layers(text)).toThrow("Expected 'all', or layers and inclusive ranges such as 0-5,7.")
})

test.each(['', '1.5', '-1', '1e3', 'many', '0x10', '99999999999999999999'])("'%s' is no count", (text) => {
  expect(() => integer(0)(text)).toThrow('Expected an integer ≥ 0.')
})

test.each(['', ' ', '-0.1', '2', 'NaN', 'Infinity', 'warm'])("'%s' lies not within 0 and 1", (text) => {
  expect(() => number({ min: 0, max: 1 })(text)).toThrow('Expected a number ≥ 0 and ≤ 1.')
})

test('the lower end of a range may be left out', () => {
  expect(number({ min: 0, above: true })('0.5')).toBe(0.5)
  expect(() => number({ min: 0, above: true })('0')).toThrow('Expected a number > 0.')
})

test('names are separated by commas', () => {
  expect(list('ocr, counting')).toEqual(['ocr', 'counting'])
  expect(() => list('ocr,,counting')).toThrow('Expected names separated by commas.')
})
