import { expect, test } from 'vitest'
import { changed } from '../../src/probe/changed.ts'

// The last column is the verdict of the published rule where it differs (`compat`).
const cases: [string, string, boolean, boolean?][] = [
  ['3', '3', false],
  ['3', '10', true],
  ['Yes', ' yes. ', false],
  ['Yes!?', 'yes', false],
  ['yes .', 'yes', true], // white space before the stripped mark stays, as published
  ['.yes', 'yes', true],
  ['', '', false],
  ['?!', '.', false],
  ['', '3', true],
  ['', 'the answer is a red circle', true, false],
  ['There are three red circles.', '', true, false],
  ['nineteen characters', 'nineteen character', true], // 19 and 18: equality decides
  ['twenty characters is!x', 'twenty characters is', false], // 22 and 20: containment decides
  ['3', 'there are 3 items in the image', false],
  ['4', 'there are 3 items in the image', true],
  ['there are 3 items in the image', 'There are 3 items in the image.', false],
  ['there are 3 items in the image', 'there are 4 items in the image', true],
  ['🟥🟥🟥🟥🟥🟥🟥🟥🟥🟥', '🟥🟥🟥🟥🟥🟥🟥🟥🟥', true], // 10 and 9 characters, 20 and 18 UTF-16 units
]

test.each(cases)('%j against %j: changed = %j', (a, b, verdict, published = verdict) => {
  expect(changed(a, b)).toBe(verdict)
  expect(changed(b, a)).toBe(verdict)
  expect(changed(a, b, { compat: true })).toBe(published)
  expect(changed(b, a, { compat: true })).toBe(published)
})
