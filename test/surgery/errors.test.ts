import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { initCheckpoint, merge, type RecipeObject } from '../../src/index.ts'
import { compile, finish, start } from '../cli/frankentorch.ts'
import { textConfig } from '../native/models.ts'
import { fixtureTrio } from './fixtures.ts'
import { tinyConfig } from './models.ts'

const { root, models } = fixtureTrio()
const splice = 'IN early 1/3 + RL late 2/3'
let count = 0
const out = () => path.join(root, `merged-${count++}`)

/** Merges and expects a failure that leaves nothing behind. */
async function fails(recipe: string | RecipeObject, given: object, code: string, ...words: string[]) {
  const target = out()
  const thrown = await merge(recipe, { ...models, out: target, ...given }).then(
    () => undefined,
    (error: { code: string; message: string }) => error,
  )
  expect(thrown).toMatchObject({ code })
  for (const word of words) expect(thrown!.message).toContain(word)
  expect(existsSync(target)).toBe(false)
  expect(readdirSync(root).filter((name) => name.includes('.partial-'))).toEqual([])
}

/** A copy of RL with one number replaced by these bytes of a bfloat16. */
function damaged(name: string, bits: number): string {
  const directory = path.join(root, `damaged-${count++}`)
  cpSync(models.rl, directory, { recursive: true })
  const file = path.join(directory, 'model.safetensors')
  const bytes = readFileSync(file)
  const length = Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString())
  bytes.writeUInt16LE(bits, 8 + length + header[name].data_offsets[0] + 6)
  writeFileSync(file, bytes)
  return directory
}

/** A text-only model whose decoder has the shape of the fixtures'. */
function decoderOnly(layers: number): Record<string, unknown> {
  const { text_config, vision_config, rope_scaling, ...config } = JSON.parse(
    readFileSync(path.join(models.in, 'config.json'), 'utf8'),
  )
  return {
    ...config,
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    num_hidden_layers: layers,
    tie_word_embeddings: true,
  }
}

describe('models that do not fit', () => {
  test('different shapes', async () => {
    const rl = (await initCheckpoint({ config: { ...tinyConfig, hidden_size: 48, num_hidden_layers: 4 }, out: out() }))
      .directory
    await fails(splice, { rl }, 'ERR_SHAPE_MISMATCH', 'language_model.layers.1.', 'in rl and', 'in the first model')
  })

  test('a layer that one donor lacks', async () => {
    const rl = (await initCheckpoint({ config: decoderOnly(3), out: out() })).directory
    await fails(splice, { rl }, 'ERR_CHECKPOINT_PARAMETERS', 'in rl, which lacks language_model.layers.3.')
  })

  test('a donor without vision tower gives what a splice takes from it, and is missed by a recipe that merges all', async () => {
    const rl = (await initCheckpoint({ config: decoderOnly(4), out: out() })).directory
    await merge(splice, { in: models.in, rl, out: out() })
    const everything = { merge_method: 'linear', models: [{ model: 'in' }, { model: 'rl' }] }
    await fails(everything, { rl }, 'ERR_CHECKPOINT_PARAMETERS', 'in rl, which lacks visual.')
  })

  test('a label without a checkpoint', async () => {
    await fails('BASE early 1/3 + RL late 2/3', { base: undefined }, 'ERR_INVALID_ARGUMENT', 'options.base')
  })
})

describe('recipes', () => {
  const two = [{ model: 'in' }, { model: 'rl' }]

  test('unknown method, with the nearest name', async () => {
    await fails({ merge_method: 'lineal', models: two }, {}, 'ERR_RECIPE', "'lineal'", "nearest is 'linear'")
  })

  test('unknown parameter, with the nearest name', async () => {
    const models = [{ model: 'in', parameters: { wieght: 1 } }, { model: 'rl' }]
    await fails({ merge_method: 'linear', models }, {}, 'ERR_RECIPE', "'wieght'", "nearest is 'weight'")
    await fails(
      { merge_method: 'ties', base_model: 'base', models: two, parameters: { densty: 1 } },
      {},
      'ERR_RECIPE',
      "'density'",
    )
  })

  test('weights that sum to zero where they are normalised', async () => {
    const models = [
      { model: 'in', parameters: { weight: 1 } },
      { model: 'rl', parameters: { weight: -1 } },
    ]
    await fails({ merge_method: 'linear', models, parameters: { normalize: true } }, {}, 'ERR_RECIPE', '1, -1')
    await fails({ merge_method: 'ties', base_model: 'base', models }, {}, 'ERR_RECIPE', '1, -1')
  })

  test('values out of range, a missing one, too few models, no base', async () => {
    await fails({ merge_method: 'slerp', models: two, parameters: { t: 2 } }, {}, 'ERR_RECIPE', 't of slerp', '≤ 1')
    await fails({ merge_method: 'slerp', models: two }, {}, 'ERR_RECIPE', 't of slerp', 'undefined')
    await fails(
      { merge_method: 'ties', base_model: 'base', models: two, parameters: { density: 0 } },
      {},
      'ERR_RECIPE',
      '> 0',
    )
    await fails(
      { merge_method: 'model_stock', base_model: 'base', models: [{ model: 'in' }] },
      {},
      'ERR_RECIPE',
      '2 models or more',
    )
    await fails({ merge_method: 'ties', models: two }, {}, 'ERR_RECIPE', 'base_model')
    await fails({ merge_method: 'slerp', models: two, parameters: { t: { filter: 'mlp' } as never } }, {}, 'ERR_RECIPE')
    await fails({ merge_method: 'linear', models: two, wrong: 1 } as RecipeObject, {}, 'ERR_UNKNOWN_OPTION')
  })

  test.each([
    ['fewer', [[0, 3]], 3],
    [
      'more',
      [
        [0, 3],
        [1, 4],
      ],
      6,
    ],
  ] as [string, [number, number][], number][])(
    'slices that make %s layers than the first model has',
    async (_what, ranges, made) => {
      const slices = ranges.map((layer_range) => ({ sources: [{ model: 'in', layer_range }] }))
      const words = ['slices', 'expected the 4 layers', `make ${made}`, "keeps that model's depth"]
      await fails({ merge_method: 'passthrough', slices }, {}, 'ERR_RECIPE', ...words)
    },
  )

  test('a slice whose sources have unequal lengths', async () => {
    const sources = [
      { model: 'in', layer_range: [0, 4] as [number, number] },
      { model: 'rl', layer_range: [1, 4] as [number, number] },
    ]
    const recipe = { merge_method: 'linear', slices: [{ sources }] }
    await fails(recipe, {}, 'ERR_RECIPE', 'slices[0]', 'equal length', '4, 3 layers')
  })

  test('layer cuts outside the decoder', async () => {
    await fails(splice, { layerCuts: [2, 9] }, 'ERR_INVALID_ARGUMENT', 'layerCuts')
  })
})

describe('numbers that are none', () => {
  const stored = 'model.layers.2.mlp.up_proj.weight'

  test.each([
    ['NaN', 0x7fc0],
    ['infinity', 0xff80],
  ])('%s in a source is named, copied or computed', async (_what, bits) => {
    const rl = damaged(stored, bits)
    await fails(splice, { rl }, 'ERR_NON_FINITE', stored, 'of rl')
    await fails('IN layers 2 interpolate RL alpha=0.5', { rl }, 'ERR_NON_FINITE', stored, 'of rl')
    await fails(
      { merge_method: 'slerp', models: [{ model: 'in' }, { model: 'rl' }], parameters: { t: 0.5 } },
      { rl },
      'ERR_NON_FINITE',
      stored,
    )
    await merge('RL layers 0-1 + IN layers 2-3', { ...models, rl, out: out() })
  })

  test('a result beyond the range of its dtype', async () => {
    const recipe = { merge_method: 'passthrough', models: [{ model: 'in' }], parameters: { scale: 1e6 } }
    await fails(recipe, { dtype: 'float16' }, 'ERR_NON_FINITE', 'exceeds the range of float16')
  })
})

describe('outputs', () => {
  test('one that exists', async () => {
    const target = path.join(root, 'there')
    mkdirSync(target)
    await expect(merge(splice, { ...models, out: target })).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
      message: expect.stringContaining('already exists'),
    })
    expect(readdirSync(target)).toEqual([])
  })

  test('one that is a source, by whatever path', async () => {
    const link = path.join(root, 'link')
    symlinkSync(models.rl, link)
    const before = readdirSync(models.rl)
    for (const target of [models.rl, `${models.rl}/`, link]) {
      await expect(merge(splice, { ...models, out: target })).rejects.toMatchObject({
        code: 'ERR_OUTPUT',
        message: expect.stringContaining("checkpoint 'rl'"),
      })
    }
    expect(readdirSync(models.rl)).toEqual(before)
  })

  test('an aborted merge', async () => {
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    await fails(splice, { signal: controller.signal, onProgress }, 'ERR_ABORTED')
  })
})

describe('a full disk', () => {
  const disk = path.join(root, 'disk')
  let mounted = false
  beforeAll(() => {
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' })
      mounted = true
    } catch {
      console.warn('Skipping the small file system: it takes the right to mount one')
    }
  })
  afterAll(() => {
    if (mounted) execFileSync('umount', [disk])
  })

  const fill = (bytes: number) => writeFileSync(path.join(disk, 'filler'), Buffer.alloc(bytes))
  const full = (message: string) => ({ code: 'ERR_OUTPUT', message: expect.stringContaining(message) })

  test('is told before anything is written', async ({ skip }) => {
    if (!mounted) skip('no right to mount')
    fill(700_000)
    await expect(merge(splice, { ...models, out: path.join(disk, 'out') })).rejects.toMatchObject(full('free in'))
    expect(readdirSync(disk)).toEqual(['filler'])
  })

  test('that fills up meanwhile leaves nothing behind', async ({ skip }) => {
    if (!mounted) skip('no right to mount')
    fill(0)
    const onProgress = (written: number) => {
      const { bavail, bsize } = statfsSync(disk)
      if (written > 0 && bavail > 0) fill(bavail * bsize)
    }
    await expect(merge(splice, { ...models, out: path.join(disk, 'out'), onProgress })).rejects.toMatchObject(
      full('No space left'),
    )
    expect(readdirSync(disk)).toEqual(['filler'])
  })
})

test('SIGKILL leaves nothing at --out, and the next run removes what it left beside it', async () => {
  compile()
  const config = textConfig({ hiddenSize: 512, layers: 12 })
  const source = (await initCheckpoint({ config, dtype: 'float32', out: out() })).directory
  const target = path.join(root, 'killed')
  const arguments_ = ['merge', 'IN early 1/3 + RL late 2/3', '--in', source, '--rl', source, '--out', target, '--quiet']
  const leftovers = () => readdirSync(root).filter((name) => name.startsWith('killed.partial-'))
  const child = start(arguments_)
  const finished = finish(child)
  while (leftovers().length === 0 && child.exitCode === null) await wait(1)
  child.kill('SIGKILL')
  expect((await finished).signal).toBe('SIGKILL')
  expect(existsSync(target)).toBe(false)
  expect(leftovers()).toHaveLength(1)
  expect(await finish(start(arguments_))).toMatchObject({ code: 0 })
  expect(leftovers()).toEqual([])
  expect(existsSync(path.join(target, 'merge.json'))).toBe(true)
})
