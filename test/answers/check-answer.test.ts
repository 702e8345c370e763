import { afterAll, expect, test } from 'vitest'
import { checkAnswer, close } from '../../src/answers/index.ts'

afterAll(close)

test.each([
  ['12', '\\boxed{12}', 'exact'],
  ['12', '\\boxed{12.0}', 'numeric'],
  ['x^2-1', '\\boxed{(x-1)(x+1)}', 'sampling'],
  ['1+2i', '\\boxed{2i+1}', 'symbolic'],
  ['Evelyn', '\\boxed{\\text{evelyn}}', 'text'],
])('gold %s and %s are the same by method %s', async (gold, response, method) => {
  expect(await checkAnswer(response, gold)).toMatchObject({ correct: true, method })
})

const choices = ['$4 \\mathrm{~kg}$', '$8 \\mathrm{~kg}$', '$30 \\mathrm{~kg}$']

test('a choice is named by letter or by value', async () => {
  expect(await checkAnswer('\\boxed{B}', 'B', { choices })).toEqual({ correct: true, method: 'choice', extracted: 'B' })
  expect(await checkAnswer('\\boxed{8\\mathrm{~kg}}', 'B', { choices })).toMatchObject({
    correct: true,
    method: 'choice-value',
  })
  expect(await checkAnswer('\\boxed{30}', 'B', { choices })).toMatchObject({ correct: false, method: 'choice-value' })
})

test('the gold answer may be the text of a choice', async () => {
  expect(await checkAnswer('(A) Yes', 'Yes', { choices: ['Yes', 'No'] })).toMatchObject({
    correct: true,
    method: 'choice',
  })
})

test('letters and texts that contradict each other are unknown only where one of them is right', async () => {
  const numbers = ['8', '10', '12']
  expect((await checkAnswer('\\boxed{(A) 12}', 'C', { choices: numbers })).correct).toBe('unknown')
  expect((await checkAnswer('\\boxed{(A) 12}', 'B', { choices: numbers })).correct).toBe(false)
  expect((await checkAnswer('The answer is (C), twelve of them', 'C', { choices: numbers })).correct).toBe(true)
  expect((await checkAnswer('A', 'B', { choices: ['B', 'A'] })).correct).toBe('unknown')
})

test('several choices are no answer where one is asked for', async () => {
  expect((await checkAnswer('\\boxed{(A) and (B)}', 'A', { choices: ['A', 'B', 'C'] })).correct).toBe(false)
})

test('a value without its unit does not decide between choices that differ by the unit', async () => {
  const lengths = ['60 cm', '60 m']
  expect((await checkAnswer('\\boxed{60}', 'A', { choices: lengths })).correct).toBe('unknown')
  expect((await checkAnswer('\\boxed{60\\text{ m}}', 'A', { choices: lengths })).correct).toBe(false)
})

test('precision counts decimal places of the gold answer', async () => {
  expect((await checkAnswer('0.36', '0.4', { precision: 1 })).correct).toBe(true)
  expect((await checkAnswer('0.34', '0.4', { precision: 1 })).correct).toBe(false)
  expect((await checkAnswer('\\boxed{\\sqrt{2}}', '1.41', { precision: 2 })).correct).toBe(true)
})

test('the unit of the question is meant where an answer names none', async () => {
  expect((await checkAnswer('\\boxed{3\\text{ m}}', '300', { unit: 'cm' })).correct).toBe(true)
  expect((await checkAnswer('\\boxed{3\\text{ m}}', '3', { unit: 'cm' })).correct).toBe(false)
  expect((await checkAnswer('\\boxed{0.5\\%}', '0.5', { unit: '%' })).correct).toBe(true)
})

test('an extraction made elsewhere is judged as it is', async () => {
  expect(await checkAnswer('The answer is 7', '5', { extracted: '5' })).toEqual({
    correct: true,
    method: 'exact',
    extracted: '5',
  })
})

test('a response without an answer is wrong, or unknown where its words might give one', async () => {
  expect(await checkAnswer('', '5')).toEqual({ correct: false, method: 'none', extracted: null })
  expect((await checkAnswer('\\boxed{?}', '5')).correct).toBe(false)
  expect((await checkAnswer('The winner was the girl in the middle of the third row.', 'Ana')).correct).toBe('unknown')
})

test('a unit that is none is refused with examples', async () => {
  await expect(checkAnswer('5', '5', { unit: '??' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining("options.unit but received '??'"),
  })
})

test('an aborted signal rejects, and the checker works on', async () => {
  const controller = new AbortController()
  const slow = checkAnswer('', '5', { extracted: '\\sum_{k=1}^{10^{9}} \\frac{i}{k}', signal: controller.signal })
  setTimeout(() => controller.abort(), 50)
  await expect(slow).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  expect((await checkAnswer('\\boxed{2x+x}', '3x')).correct).toBe(true)
})
