import { expect, test } from 'vitest'
import { fixtureModels } from '../parity/models.ts'

const model = fixtureModels()

test('freezing names parameters by thirds, aliases, ranges, paths and globs', async () => {
  const loaded = await model('hub-tied')
  const { numHiddenLayers: n } = loaded.config
  const perLayer = loaded.parameters('language_model.layers.0').length
  const at = (...selectors: string[]) => {
    const names = loaded.freeze(selectors)
    expect(
      loaded
        .parameters()
        .filter(({ trainable }) => !trainable)
        .map(({ name }) => name),
    ).toEqual(names)
    expect(loaded.unfreeze('**').length).toBe(loaded.parameters().length)
    return names
  }
  const layersOf = (names: readonly string[]) => [
    ...new Set(names.map((name) => Number(/^language_model\.layers\.(\d+)\./.exec(name)![1]))),
  ]
  const third = (i: number) => Math.floor((i * n) / 3)
  expect(layersOf(at('early'))).toEqual([...Array(third(1)).keys()])
  expect(layersOf(at('early', 'middle'))).toEqual([...Array(third(2)).keys()])
  expect(layersOf(at('late'))).toEqual([...Array(n).keys()].slice(third(2)))
  expect(layersOf(at('language_model.layers[1:3]'))).toEqual([1, 2])
  expect(layersOf(at('model.language_model.layers[-1]'))).toEqual([n - 1])
  expect(at('language_model.layers.2')).toHaveLength(perLayer)
  expect(at('vision', 'projector')).toEqual(at('visual'))
  expect(at('embeddings')).toEqual(['language_model.embed_tokens.weight'])
  expect(at('language_model.layers.*.mlp.down_proj')).toHaveLength(n)
  expect(at('**.bias').every((name) => name.endsWith('.bias'))).toBe(true)
  expect(layersOf(loaded.freeze('middle', { cuts: [1, 2] }))).toEqual([1])
  expect(loaded.freeze('early', { cuts: [1, 2] })).toHaveLength(perLayer)
  loaded.unfreeze('**')
})

test('trainable() counts parameters and bytes block by block, and the blocks add up', async () => {
  const loaded = await model('hub-tied')
  loaded.freeze(['visual', 'language_model.layers.1'])
  const summary = loaded.trainable()
  const { numHiddenLayers, hiddenSize, vocabSize } = loaded.config
  expect(summary.blocks.map(({ name }) => name)).toEqual([
    'vision',
    'projector',
    'embeddings',
    ...Array.from({ length: numHiddenLayers }, (_, i) => `language_model.layers.${i}`),
    'language_model.norm',
  ])
  // every block is a selector that names just its parameters
  for (const { name, trainable, frozen } of summary.blocks) {
    expect(loaded.parameters(name).length).toBe(trainable.tensors + frozen.tensors)
    expect(Math.min(trainable.bytes, frozen.bytes)).toBe(0)
  }
  const sum = (side: 'trainable' | 'frozen', field: 'parameters' | 'bytes' | 'tensors') =>
    summary.blocks.reduce((total, block) => total + block[side][field], 0)
  for (const side of ['trainable', 'frozen'] as const)
    expect(summary[side]).toEqual({
      tensors: sum(side, 'tensors'),
      parameters: sum(side, 'parameters'),
      bytes: sum(side, 'bytes'),
    })
  expect(summary.blocks[2]!.trainable).toEqual({
    tensors: 1,
    parameters: vocabSize * hiddenSize,
    bytes: 4 * vocabSize * hiddenSize,
  })
  expect(summary.trainable.tensors + summary.frozen.tensors).toBe(loaded.parameters().length)
  loaded.unfreeze('**')
  expect(loaded.trainable().frozen).toEqual({ tensors: 0, parameters: 0, bytes: 0 })
})

test('an untied head is a block; parameters carry the names of their files', async () => {
  const loaded = await model('v5-sharded')
  expect(loaded.trainable().blocks.at(-1)!.name).toBe('lm_head')
  expect(loaded.parameters('language_model.norm')).toEqual([
    {
      name: 'language_model.norm.weight',
      storedName: expect.stringMatching(/^model\.(language_model\.)?norm\.weight$/),
      shape: [loaded.config.hiddenSize],
      dtype: 'float32',
      bytes: 4 * loaded.config.hiddenSize,
      trainable: true,
    },
  ])
})

test('what a selector cannot name is an error that says what could be', async () => {
  const tied = await model('hub-tied')
  const refused: [() => unknown, string, RegExp][] = [
    [() => tied.freeze('lm_head.weight'), 'ERR_UNKNOWN_PARAMETER', /tied to language_model\.embed_tokens\.weight/],
    [() => tied.parameters('lm_head'), 'ERR_UNKNOWN_PARAMETER', /tied to/],
    [() => tied.freeze('visual.block.0'), 'ERR_UNKNOWN_PARAMETER', /no parameter.*nearest.*model\.parameters\(\)/],
    [() => tied.freeze('language_model.layers.99'), 'ERR_UNKNOWN_LAYER', /99/],
    [() => tied.freeze('middle', { cuts: [3, 1] }), 'ERR_INVALID_ARGUMENT', /two ascending layers for cuts/],
    [() => tied.freeze('middle', { cuts: [0, 99] }), 'ERR_INVALID_ARGUMENT', /≤ \d+ for cuts\.1/],
    [() => tied.freeze([]), 'ERR_INVALID_ARGUMENT', /selectors/],
    [() => tied.freeze('middle', { cut: [1, 2] } as object), 'ERR_UNKNOWN_OPTION', /'cut'/],
  ]
  for (const [call, code, message] of refused)
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  expect(tied.trainable().frozen.tensors).toBe(0)
})
