import { describe, expect, test } from 'vitest'
import type { Decoder, Rule } from '../../src/recipe/index.ts'
import { isSplice, parseSplice } from '../../src/recipe/index.ts'

const thirtySix: Decoder = { numHiddenLayers: 36, cuts: [12, 24] }

/** `rl 12:36` */
function layers(text: string, decoder = thirtySix): string[] {
  return parseSplice(text)
    .rules(decoder)
    .map(({ sources, layers }) => `${sources.map(({ model }) => model).join(',')} ${layers.join(':')}`)
}

function only(text: string): Rule {
  const rules = parseSplice(text).rules(thirtySix)
  expect(rules).toHaveLength(1)
  return rules[0]!
}

describe('the six splices of the paper', () => {
  test.each([
    ['IN early 1/3 layers + RL late 2/3 layers', ['in 0:12', 'rl 12:36']],
    ['RL early 1/3 layers + IN late 2/3 layers', ['rl 0:12', 'in 12:36']],
    ['IN early 2/3 layers + RL late 1/3 layers', ['in 0:24', 'rl 24:36']],
    ['RL early 2/3 layers + IN late 1/3 layers', ['rl 0:24', 'in 24:36']],
    ['IN early 1/3 + RL middle 1/3 + IN late 1/3 layers', ['in 0:12', 'rl 12:24', 'in 24:36']],
    ['RL early 1/3 + IN middle 1/3 + RL late 1/3 layers', ['rl 0:12', 'in 12:24', 'rl 24:36']],
  ])('%s', (text, expected) => {
    expect(layers(text)).toEqual(expected)
    expect(parseSplice(text).models[0]).toBe(expected[0]!.split(' ')[0])
  })
})

test('the depth and cuts of the decoder move the parts', () => {
  const seven = { numHiddenLayers: 28, cuts: [9, 18] as const }
  expect(layers('IN early + RL middle + IN late', seven)).toEqual(['in 0:9', 'rl 9:18', 'in 18:28'])
  expect(layers('in early 2/3 + rl late', { numHiddenLayers: 28, cuts: [8, 20] })).toEqual(['in 0:20', 'rl 20:28'])
})

test('words are case-insensitive, `layers` is optional, ranges include their last layer', () => {
  expect(layers('ColdStart LAYERS 0-11 + FINAL layers 12-35')).toEqual(['in 0:12', 'rl 12:36'])
  expect(layers('sft 0-0 + base layers 1-35')).toEqual(['in 0:1', 'base 1:36'])
})

test('paths are models, in quotes where they hold spaces or signs', () => {
  const recipe = parseSplice(`./My/Model early 1/3+"a + b/c" late 2/3`)
  expect(recipe.models).toEqual(['./My/Model', 'a + b/c'])
  expect(parseSplice('"in" early + rl late 2/3').models).toEqual(['in', 'rl'])
})

test('interpolate is linear with weights 1 − α and α', () => {
  const rule = only('IN layers 8-19 interpolate RL alpha=0.25 component=mlp')
  expect(rule).toMatchObject({
    selectors: ['language_model.layers[8:20].mlp'],
    method: 'linear',
    sources: [
      { model: 'in', settings: { weight: 0.75 } },
      { model: 'rl', settings: { weight: 0.25 } },
    ],
  })
  expect(only('IN early 1/3 layers interpolate RL alpha=1').selectors).toEqual(['language_model.layers[0:12]'])
  expect(only('IN late layers interpolate RL component=attn alpha=0').selectors).toEqual([
    'language_model.layers[24:36].self_attn',
  ])
})

test('replaced by takes the part from the donor, ablate drowns it in noise', () => {
  expect(only('IN late 1/3 layers replaced by RL')).toMatchObject({
    selectors: ['language_model.layers[24:36]'],
    method: 'passthrough',
    sources: [{ model: 'rl' }],
  })
  expect(parseSplice('IN late 1/3 layers replaced by RL').models).toEqual(['in', 'rl'])
  expect(only('RL layers 3 ablate noise=0.5')).toMatchObject({
    selectors: ['language_model.layers[3:4]'],
    method: 'noise',
    settings: { ratio: 0.5 },
    sources: [{ model: 'rl' }],
  })
})

test.each([
  ['', 'it is empty'],
  ['IN early 1/3 +', "nothing stands after '+'"],
  ['+ RL late 1/3', "nothing stands before '+'"],
  ['IN early 1/3', "expected a second part after '+'"],
  ['IN early 1/2 + RL late 1/2', "expected 1/3 or 2/3 after 'early' but found '1/2'"],
  ['IN middle 2/3 + RL late 1/3', "expected 1/3 after 'middle' but found '2/3'"],
  ['IN first 1/3 + RL late 2/3', "found 'first'"],
  ['IN layers early + RL late', "expected a range of layers such as 8-19 but found 'early'"],
  ['IN layers 9-3 + RL late', "expected a range of layers but found '9-3'"],
  ['IN layers 1-2 interpolate RL', 'expected alpha= a number from 0 to 1 but found none'],
  ['IN layers 1-2 interpolate RL alpha=2', "expected alpha= a number from 0 to 1 but found '2'"],
  ['IN layers 1-2 interpolate RL alpha=0.5 component=norm', "expected component=all|mlp|attn but found 'norm'"],
  ['IN layers 1-2 interpolate RL alpha=0.5 noise=1', 'expected alpha=… or component=… but found'],
  ['IN layers 1-2 ablate', 'expected noise= a number from 0 to 1 but found none'],
  ['IN layers 1-2 replaced RL', "expected 'by' but found 'RL'"],
  ['IN early 1/3 + RL late 2/3 ablate noise=0.5', "stands alone, without '+'"],
  ['IN early 1/3 + "RL late 2/3', 'has no end'],
])('%s is refused', (text, message) => {
  expect(() => parseSplice(text)).toThrow(
    expect.objectContaining({ code: 'ERR_RECIPE', message: expect.stringContaining(message) }),
  )
})

test('every layer is named exactly once', () => {
  expect(() => layers('IN early 2/3 + RL late 2/3')).toThrow('layer 12 is named twice')
  expect(() => layers('IN early 1/3 + RL late 1/3')).toThrow('no part names layer 12 of the 36')
  expect(() => layers('IN layers 0-11 + RL layers 12-36')).toThrow(
    expect.objectContaining({ code: 'ERR_UNKNOWN_LAYER', message: expect.stringContaining('layers 0 to 35') }),
  )
})

test('a splice is told from the name of a model', () => {
  expect(isSplice('IN early 1/3 + RL late 2/3')).toBe(true)
  expect(isSplice('"a b" layers 1-2 ablate noise=1')).toBe(true)
  expect(isSplice('Qwen/Qwen2.5-VL-3B-Instruct')).toBe(false)
  expect(isSplice('./early/late')).toBe(false)
  expect(isSplice('http://localhost:8000/v1')).toBe(false)
})
