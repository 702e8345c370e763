import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StopText } from '../../src/serve/stop-text.ts'

function through(stops: string[], pieces: string[]): string {
  const stopText = new StopText(stops)
  return pieces.map((piece) => stopText.push(piece)).join('') + stopText.flush()
}

test('text ends before a stop string that comes in pieces', () => {
  expect(through(['</a>'], ['one <', '/', 'b> two </', 'a> three'])).toBe('one </b> two ')
  expect(through(['</a>'], ['one </'])).toBe('one </')
  expect(through([], ['one ', 'two'])).toBe('one two')
})

test('however the text is cut, it ends at the earliest stop string', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'ab', 'ba', 'c'), { maxLength: 12 })
  const stops = fc.array(fc.constantFrom('aa', 'ab', 'bab', 'c'), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(text, stops, (pieces, stops) => {
      const whole = pieces.join('')
      // A stop string counts when it is complete: of two, the one that ends first.
      const ends = stops.flatMap((stop) => (whole.includes(stop) ? [whole.indexOf(stop) + stop.length] : []))
      const shown = through(stops, [...whole])
      if (ends.length === 0) expect(shown).toBe(whole)
      else
        expect(
          stops.some((stop) => (shown + stop).length === Math.min(...ends) && whole.startsWith(shown + stop)),
        ).toBe(true)
    }),
  )
})
