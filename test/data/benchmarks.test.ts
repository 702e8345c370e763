import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type BenchmarkName,
  type BenchmarkReadOptions,
  benchmark,
  benchmarks,
  type Item,
} from '../../src/data/index.ts'

// Invented questions in each benchmark's layout.
const samples = (name: string) => fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-benchmarks-'))
afterAll(() => rmSync(scratch, { recursive: true }))

async function read(name: BenchmarkName, source = samples(name), options?: BenchmarkReadOptions): Promise<Item[]> {
  const items = []
  for await (const item of benchmarks[name].read(source, options)) items.push(item)
  return items
}

async function verdicts(
  name: BenchmarkName,
  cases: readonly (readonly [id: string, response: string, correct: boolean])[],
) {
  const items = new Map((await read(name)).map((item) => [item.id, item]))
  for (const [id, response, correct] of cases) {
    expect(benchmarks[name].score(items.get(id)!, response).correct, `${id}: ${response}`).toBe(correct)
  }
}

describe('MathVision', () => {
  test('items carry choices, level and subject, and an image beside the file', async () => {
    const items = await read('mathvision')
    expect(items.map(({ id }) => id)).toEqual(['1', '2', '3', '4'])
    expect(items[0]).toMatchObject({ choices: undefined, groups: { level: '1', subject: 'counting' } })
    expect(items[2]!.image).toBe(join(samples('mathvision'), 'images/1.png'))
  })

  test('the letter, the value of the choice and what rounds to the same two decimals are right', async () => {
    await verdicts('mathvision', [
      ['1', 'So twelve dots: \\boxed{12}', true],
      ['1', 'The answer is 12.', true],
      ['1', '\\boxed{12.004}', true],
      ['1', '\\boxed{12.006}', false],
      ['1', '', false],
      ['2', 'I choose (C).', true],
      ['2', '\\boxed{\\text{(C)}}', true],
      ['2', '\\boxed{D}', false],
      ['3', 'The length is $\\boxed{0.5}$', true],
      ['3', '\\boxed{\\frac{2}{4}}', true],
      ['3', '\\boxed{8}', false],
      ['4', '\\boxed{(1, 0.5)}', true],
      ['4', '\\boxed{(0.5, 1)}', false],
    ])
  })
})

describe('MathVista', () => {
  test('an extraction made elsewhere is brought to the form of the answer', async () => {
    const items = await read('mathvista')
    const predict = (index: number, given: string) => benchmarks.mathvista.score(items[index]!, '', given).prediction
    expect(predict(0, '(B)')).toBe('Lime Green')
    expect(predict(0, 'C')).toBe('Sky Blue')
    expect(predict(0, 'sky blu')).toBe('Sky Blue')
    expect(predict(1, ' 250 ')).toBe('250')
    expect(predict(1, '250.5')).toBeNull()
    expect(predict(2, '0.45')).toBe('0.5')
    expect(predict(2, '2')).toBe('2.0')
    expect(predict(2, 'half')).toBeNull()
    expect(predict(3, '[2001, 2004]')).toBe('[2001, 2004]')
  })

  test('raw replies are scored by what they state', async () => {
    await verdicts('mathvista', [
      ['1', 'The tallest is \\boxed{B}', true],
      ['1', 'The answer is lime green.', true],
      ['1', '<answer>A</answer>', false],
      ['2', 'It holds \\boxed{250\\text{ ml}}', true],
      ['2', 'There are 250', true],
      ['3', 'The slope is 1/2, so the answer is 0.52', true],
      ['4', '\\boxed{[2001, 2004]}', true],
      ['5', 'So the answer is no, it is obtuse.', false],
      ['5', 'Yes', true],
    ])
  })

  test('the form of the answer, its unit and the choices are part of the question, but not of the plain style’s request', async () => {
    const [choice, integer, float] = await read('mathvista', undefined, { images: false })
    const text = (item: Item, style?: 'plain') => benchmarks.mathvista.ask(item, style)[0]!.content
    expect(text(choice!)).toBe(
      'Which bar is the tallest?\n\nA. Dark Red\nB. Lime Green\nC. Sky Blue\n\nPut the letter of the right choice in one \\boxed{}.',
    )
    expect(text(integer!)).toBe(
      'How much water is in the glass? (Unit: ml)\n\nThe answer is an integer. Put the final answer in one \\boxed{}.',
    )
    expect(text(float!)).toContain('a number with one decimal')
    expect(text(float!, 'plain')).toBe('What is the slope of the line?')
  })
})

describe('MathVerse', () => {
  test('all six versions are read; ids of Text Only do not collide with the others', async () => {
    const items = await read('mathverse')
    expect(items.map(({ id }) => id)).toEqual(['1', '2', '3', '4', '5', '6', '7', 'text_only_1', 'text_only_2'])
    expect(new Set(items.map(({ groups }) => groups.problem_version)).size).toBe(6)
    expect(items[0]!.image).toBe(join(samples('mathverse'), 'images/images_version_1-4/image_1.png'))
    expect(items[7]!.image).toBeUndefined()
    expect(benchmarks.mathverse.id({ sample_index: '2', problem_version: 'Text Only' })).toBe('text_only_2')
  })

  test('choices leave the question’s text and come back as a list; in Vision Only nothing of the question is in text', async () => {
    const items = await read('mathverse', undefined, { images: false })
    const asked = (index: number) => benchmarks.mathverse.ask(items[index]!)[0]!.content
    expect(items[4]!.choices).toEqual(['60°', '70°', '80°', '110°'])
    expect(asked(2)).toMatch(/^How large is angle C\?\n\nA\. 60°\nB\. 70°\nC\. 80°\nD\. 110°\n\nPut the letter/)
    expect(asked(4)).toMatch(/^Answer the question that the image shows\.\n\nThe answer is the letter of a choice/)
    expect(asked(6)).not.toContain('circle')
  })

  test('letters, the text of a choice, and values without their unit', async () => {
    await verdicts('mathverse', [
      ['1', '\\boxed{B}', true],
      ['1', 'So angle C is 70°. The answer is B: 70°.', true],
      ['5', '\\boxed{70^\\circ}', true],
      ['1', '\\boxed{C}', false],
      ['6', '\\boxed{9\\pi}', true],
      ['6', '\\boxed{9\\pi \\text{ cm}^2}', true],
      ['6', 'The area is about 28.27', true],
      ['6', '\\boxed{18\\pi}', false],
      ['6', '', false],
    ])
  })
})

test('MATH-500 compares normal forms and evaluates nothing', async () => {
  const items = await read('math500')
  expect(items[0]).toMatchObject({ id: 'test/prealgebra/1.json', groups: { subject: 'Prealgebra', level: '1' } })
  await verdicts('math500', [
    ['test/prealgebra/1.json', '\\boxed{\\dfrac12}', true],
    ['test/prealgebra/1.json', '\\boxed{1/2}', true],
    ['test/prealgebra/1.json', '<answer>0.5</answer>', true],
    ['test/prealgebra/1.json', '\\boxed{\\frac{2}{4}}', false],
    ['test/algebra/2.json', '\\boxed{x = 2 \\sqrt3}', true],
    ['test/algebra/2.json', '\\boxed{\\sqrt{12}}', false],
    ['test/geometry/3.json', '\\boxed{5}', true],
    ['test/geometry/3.json', 'nothing', false],
  ])
})

test('GSM8K compares numbers as text, thousands separators apart; ids are positions', async () => {
  const items = await read('gsm8k')
  expect(items.map(({ id, answer }) => [id, answer])).toEqual([
    ['0', '36'],
    ['1', '14400'],
  ])
  await verdicts('gsm8k', [
    ['0', '3 boxes of 12.\n#### 36', true],
    ['0', '\\boxed{36\\text{ eggs}}', true],
    ['0', 'That makes 36 eggs in 3 boxes. The answer is 36.', true],
    ['0', '\\boxed{36.0}', false],
    ['1', 'She pays $14,400.', true],
    ['1', '\\boxed{\\$14400}', true],
    ['1', '-14,400', false],
  ])
})

test('data records are asked as they stand, without their reply, and scored by text, letter or number', async () => {
  const items = await read('generic')
  expect(items[1]!.messages).toHaveLength(1)
  const text = { type: 'text', text: 'What colour is the square?\n\nPut the final answer in one \\boxed{}.' }
  const image = { type: 'image', image: join(samples('generic'), 'images/one.png') }
  expect(benchmarks.generic.ask(items[0]!, 'boxed')).toEqual([{ role: 'user', content: [image, text] }])
  await verdicts('generic', [
    ['perception_1', '<answer>Grey.</answer>', true],
    ['perception_1', 'grey', true],
    ['perception_1', 'green', false],
    ['reasoning_1', '\\boxed{12.0}', true],
    ['reasoning_1', '<think>12</think><answer>13</answer>', false],
    ['choice_1', '\\boxed{B}', true],
    ['choice_1', 'The answer is four', true],
    ['choice_1', 'The answer is three', false],
  ])
})

test('styles: reasoner and revisual put their instruction first, plain adds nothing', async () => {
  const [item] = await read('gsm8k')
  const ask = (style: 'reasoner' | 'revisual' | 'plain') => benchmarks.gsm8k.ask(item!, style)
  expect(ask('plain')).toEqual([{ role: 'user', content: item!.question }])
  expect(ask('reasoner')[0]).toMatchObject({ role: 'system', content: expect.stringMatching(/<think>.*<answer>/) })
  expect(ask('revisual')[0]).toMatchObject({ role: 'system', content: expect.stringMatching(/<think>.*boxed/) })
  expect(() => benchmarks.gsm8k.ask(item!, 'loud' as 'plain')).toThrow(
    /one of 'reasoner'.* for style but received 'loud'/,
  )
})

describe('what does not fit is named', () => {
  const write = (name: string, content: string) => {
    const path = join(scratch, name)
    writeFileSync(path, content)
    return path
  }

  test('a missing field: file, line and field', async () => {
    const path = write('field.jsonl', '{"question":"q","answer":"#### 1"}\n{"question":"q"}\n')
    await expect(read('gsm8k', path)).rejects.toThrow(`Expected a string for ${path}:2.answer but received undefined`)
  })

  test('a missing image: the record and where it was looked for; unless images are not asked for', async () => {
    const record = { id: '7', question: 'q', options: [], answer: '1', level: 1, subject: 's', image: 'images/7.jpg' }
    const path = write('image.jsonl', `${JSON.stringify(record)}\n`)
    await expect(read('mathvision', path)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/images\/7\.jpg of .*image\.jsonl:1 is missing; looked for/),
    })
    expect(await read('mathvision', path, { images: false })).toHaveLength(1)
  })

  test('ids that occur twice, an unknown split, an unknown benchmark', async () => {
    const record = JSON.stringify({ id: 1, question: 'q', options: [], answer: '1', level: 1, subject: 's' })
    const path = write('twice.jsonl', `${record}\n${record}\n`)
    await expect(read('mathvision', path, { images: false })).rejects.toThrow(
      /twice\.jsonl:2 and .*twice\.jsonl:1 both have '1'/,
    )
    await expect(read('mathvision', scratch, { split: 'train' })).rejects.toThrow(
      /test, testmini for the split of mathvision/,
    )
    expect(() => benchmark('imagenet')).toThrow(/mathvista, .* but received 'imagenet'/)
    expect(() => benchmark('constructor')).toThrow(/but received 'constructor'/)
  })
})
