import { expect, test } from 'vitest'
import { extractAnswer } from '../../src/answers/index.ts'

const letters = ['A', 'B', 'C', 'D', 'E']

test.each([
  ['the last answer tag, not an earlier one', '<answer>3</answer> no: <answer> 4 </answer>', '4', 'answer-tag'],
  ['an answer tag that was cut off', '<think>…</think><answer>12 cm', '12 cm', 'answer-tag'],
  ['the box inside an answer tag', '<answer>It is \\boxed{7}.</answer>', '7', 'answer-tag'],
  ['an earlier tag when the last is empty', '<answer>5</answer> Put it in <answer></answer> tags', '5', 'answer-tag'],
  ['nested braces', 'so \\boxed{\\frac{1}{\\sqrt{2}}} holds', '\\frac{1}{\\sqrt{2}}', 'boxed'],
  ['escaped braces', '\\boxed{\\{1, 2\\}}', '\\{1, 2\\}', 'boxed'],
  ['\\fbox', 'Thus \\fbox{6}', '6', 'boxed'],
  ['a box without its backslash', 'the answer is boxed{D}', 'D', 'boxed'],
  ['a box that was cut off', 'we get $\\boxed{\\frac{12\\sqrt{10', '\\frac{12\\sqrt{10', 'boxed'],
  ['a box one brace short', '$\\boxed{\\frac{1}{2}$ is the area.', '\\frac{1}{2}', 'boxed'],
  ['the last of several boxes', '\\boxed{5} was wrong. It is \\boxed{7}.', '7', 'boxed'],
  ['boxes joined by "and" as one answer', '\\boxed{3} and \\boxed{-3}', '3, -3', 'boxed'],
  ['a phrase', 'Therefore, the answer is 42.', '42', 'phrase'],
  ['a phrase in Markdown', '**Answer:** 3,200', '3,200', 'phrase'],
  ['a decimal at the end of a phrase', 'The final answer is 2.5. Done.', '2.5', 'phrase'],
  ['a phrase on its own line', 'Answer:\n(D)', '(D)', 'phrase'],
  ['the mark of GSM8K', 'She has 18.\n#### 18', '18', 'phrase'],
  ['the number in bold', 'So there are **3** groups with a bar below 40.', '3', 'last-number'],
  ['a phrase with an adverb', 'The correct answer is therefore (B).', '(B)', 'phrase'],
  ['the number and not what is told about it', 'So the answer is 1982 with an income of $931.', '1982', 'phrase'],
  ['the last number of prose', 'There are 3 rows of 4, so 12 in all.', '12', 'last-number'],
  [
    'the formula around the last number',
    'Its area is $\\frac12 \\cdot 4 \\cdot 4\\sqrt{3} = 8\\sqrt{3}$.',
    '8\\sqrt{3}',
    'last-number',
  ],
  ['a response that is only an answer', '2x+3', '2x+3', 'whole'],
  ['nothing', 'I cannot tell.', null, 'none'],
  ['nothing in an empty response', '', null, 'none'],
])('finds %s', (_, response, text, from) => {
  expect(extractAnswer(response)).toEqual({ text, from })
})

test.each([
  ['a letter in parentheses', 'Only one picture fits, namely (C).', 'C'],
  ['a letter alone', 'E', 'E'],
  ['a letter in plain words', 'The tree should be planted in region B.', 'B'],
  ['a quoted letter', 'The candle labeled "A" was blown out first.', 'A'],
  ['the letter that concludes after a box', 'The area is \\boxed{40}. Therefore, the answer is (C).', '(C)'],
])('with choices finds %s', (_, response, text) => {
  expect(extractAnswer(response, { choices: letters }).text).toBe(text)
})

test('an article is no choice', () => {
  expect(extractAnswer('A cat sits there.', { choices: letters }).text).toBeNull()
})

test('the one choice that the last sentence names is the answer', () => {
  const choices = ['circle', 'square', 'square root']
  expect(extractAnswer('The picture shows a square.', { choices })).toEqual({ text: 'square', from: 'choice' })
  expect(extractAnswer('It may be a circle or a square.', { choices }).text).toBeNull()
})

test('reasoning before </think> gives no answer when something follows it', () => {
  expect(extractAnswer('<think>\\boxed{1}</think> The answer is 2.').text).toBe('2')
  expect(extractAnswer('<think>\\boxed{1}</think>').text).toBe('1')
})

test('an option that does not exist is refused', () => {
  // @ts-expect-error the option is misspelt on purpose
  expect(() => extractAnswer('1', { choice: ['1'] })).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_OPTION' }))
})
