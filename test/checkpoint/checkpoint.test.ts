import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { internalName, layoutOf, storedName } from '../../src/checkpoint/names.ts'
import {
  type TinyTensor,
  temporaryDirectory,
  tinyCheckpoint,
  tinyConfigs,
  tinyFile,
  tinyTensors,
  tinyTextOnly,
} from './files.ts'

const { hub } = tinyConfigs
const models = fileURLToPath(new URL('../fixtures/models', import.meta.url))

function sharded(
  tensors: readonly TinyTensor[],
  change: (index: { weight_map: Record<string, string> }) => void = () => {},
) {
  const cut = Math.floor(tensors.length / 2)
  const shards = {
    'model-00001-of-00002.safetensors': tensors.slice(0, cut),
    'model-00002-of-00002.safetensors': tensors.slice(cut),
  }
  const placed = Object.entries(shards).flatMap(([shard, its]) => its.map(({ storedName }) => [storedName, shard]))
  const index = { metadata: { total_size: 0 }, weight_map: Object.fromEntries(placed) }
  change(index)
  const files = Object.entries(shards).map(([name, its]) => [name, tinyFile(its)])
  return { ...Object.fromEntries(files), 'model.safetensors.index.json': index }
}

function firstValue({ file, begin }: { file: string; begin: number }) {
  return readFileSync(file).readFloatLE(begin)
}

test.each([
  ['visual.patch_embed.proj.weight', 'visual.patch_embed.proj.weight', 'model.visual.patch_embed.proj.weight'],
  ['language_model.embed_tokens.weight', 'model.embed_tokens.weight', 'model.language_model.embed_tokens.weight'],
  [
    'language_model.layers.3.mlp.up_proj.weight',
    'model.layers.3.mlp.up_proj.weight',
    'model.language_model.layers.3.mlp.up_proj.weight',
  ],
  ['language_model.norm.weight', 'model.norm.weight', 'model.language_model.norm.weight'],
  ['lm_head.weight', 'lm_head.weight', 'lm_head.weight'],
])('%s is stored as %s or %s', (name, inHub, nested) => {
  expect([storedName(name, 'hub'), storedName(name, 'nested')]).toEqual([inHub, nested])
  expect([internalName(inHub), internalName(nested)]).toEqual([name, name])
  expect(layoutOf([nested])).toBe(name === 'lm_head.weight' ? 'hub' : 'nested')
})

test('both layouts of names, in one file or in shards, open to the same parameters with the same hash', async () => {
  const one = await openCheckpoint(tinyCheckpoint(hub))
  const other = await openCheckpoint(tinyCheckpoint(tinyConfigs.v5, sharded(tinyTensors(hub, 'nested'))))
  expect([one.layout, other.layout]).toEqual(['hub', 'nested'])
  expect([one.files.length, other.files.length]).toEqual([1, 2])
  expect([...other.entries.keys()]).toEqual([...one.entries.keys()])
  for (const [name, entry] of one.entries) {
    const { dtype, shape, ...where } = other.entries.get(name)!
    expect({ name, dtype, shape, value: firstValue(where) }).toEqual({
      name,
      dtype: entry.dtype,
      shape: entry.shape,
      value: firstValue(entry),
    })
  }
  expect(await other.hash()).toBe(await one.hash())
  expect(await other.fingerprint()).toBe(await one.fingerprint())
})

test('a text-only checkpoint opens under the same internal names', async () => {
  const { entries, config } = await openCheckpoint(tinyCheckpoint(tinyTextOnly))
  expect(config.vision).toBeNull()
  expect(entries.get('language_model.layers.0.self_attn.q_proj.bias')?.storedName).toBe(
    'model.layers.0.self_attn.q_proj.bias',
  )
  expect(entries.has('lm_head.weight')).toBe(true)
})

test('every fixture that transformers wrote opens', async () => {
  const names = readdirSync(models)
  expect(names.length).toBeGreaterThan(0)
  for (const name of names) expect((await openCheckpoint(path.join(models, name))).entries.size).toBeGreaterThan(40)
})

test('rotary buffers of old versions are ignored', async () => {
  const buffer = { storedName: 'model.layers.0.self_attn.rotary_emb.inv_freq', shape: [6], value: 1 }
  const { entries } = await openCheckpoint(
    tinyCheckpoint(hub, { 'model.safetensors': tinyFile([...tinyTensors(hub), buffer]) }),
  )
  expect(entries.size).toBe(tinyTensors(hub).length)
})

describe('a tied checkpoint that stores lm_head.weight', () => {
  const embedding = tinyTensors(hub).find(({ storedName }) => storedName === 'model.embed_tokens.weight')!
  const open = async (value: number) => {
    const head = { ...embedding, storedName: 'lm_head.weight', value }
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const checkpoint = await openCheckpoint(
      tinyCheckpoint(hub, { 'model.safetensors': tinyFile([...tinyTensors(hub), head]) }),
    )
    const warnings = warn.mock.calls.length
    warn.mockRestore()
    return { ...checkpoint, warnings }
  }

  test('opens in silence when it equals the embedding', async () => {
    const { entries, tiedHead, warnings } = await open(embedding.value)
    expect(entries.has('lm_head.weight')).toBe(false)
    expect(tiedHead?.storedName).toBe('lm_head.weight')
    expect(warnings).toBe(0)
  })

  test('opens with a warning when it differs', async () => {
    expect((await open(embedding.value + 1)).warnings).toBe(1)
  })
})

test('side files are all files but the weights', async () => {
  const directory = tinyCheckpoint(hub)
  const elsewhere = temporaryDirectory()
  for (const name of [
    'tokenizer.json',
    'README.md',
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
    'training_args.bin',
    '.gitattributes',
    'consolidated.safetensors',
  ]) {
    writeFileSync(path.join(directory, name), '{}')
  }
  writeFileSync(path.join(elsewhere, 'blob'), '{}')
  symlinkSync(path.join(elsewhere, 'blob'), path.join(directory, 'generation_config.json'))
  mkdirSync(path.join(directory, 'runs'))
  const { sideFiles } = await openCheckpoint(directory)
  expect(sideFiles).toEqual(
    ['README.md', 'config.json', 'generation_config.json', 'tokenizer.json'].map((name) => path.join(directory, name)),
  )
})

describe('the hash', () => {
  const file = (directory: string) => path.join(directory, 'model.safetensors')

  test('tells two checkpoints with one changed byte apart, and does not depend on file times', async () => {
    const directory = tinyCheckpoint(hub)
    const before = await openCheckpoint(directory)
    const hashes = [await before.hash(), await before.fingerprint()]
    utimesSync(file(directory), 1, 1)
    expect([
      await (await openCheckpoint(directory)).hash(),
      await (await openCheckpoint(directory)).fingerprint(),
    ]).toEqual(hashes)
    const { begin } = before.entries.get('language_model.norm.weight')!
    const bytes = readFileSync(file(directory))
    bytes[begin]! ^= 1
    writeFileSync(file(directory), bytes)
    const after = await openCheckpoint(directory)
    expect(await after.hash()).not.toBe(hashes[0])
    expect(await after.fingerprint()).not.toBe(hashes[1])
  })

  test('stops when its signal is aborted', async () => {
    const checkpoint = await openCheckpoint(tinyCheckpoint(hub))
    await expect(checkpoint.hash({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })
})

describe('a damaged checkpoint is refused', () => {
  const refuses = async (directory: string, code: string, message: RegExp) => {
    await expect(openCheckpoint(directory)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  }
  const parameters = (change: (tensors: TinyTensor[]) => TinyTensor[]) =>
    tinyCheckpoint(hub, { 'model.safetensors': tinyFile(change(tinyTensors(hub))) })
  const norm = { storedName: 'model.norm.weight', shape: [24], value: 1 }

  test('a directory that does not exist', async () => {
    await refuses(path.join(temporaryDirectory(), 'none'), 'ERR_CHECKPOINT_NOT_FOUND', /config\.json does not exist/)
  })

  test('no weights', async () => {
    await refuses(
      tinyCheckpoint(hub, {}),
      'ERR_CHECKPOINT_NOT_FOUND',
      /neither model\.safetensors nor model\.safetensors\.index\.json/,
    )
  })

  test('a missing parameter', async () => {
    const directory = parameters((all) => all.filter(({ storedName }) => storedName !== 'visual.merger.mlp.0.weight'))
    await refuses(
      directory,
      'ERR_CHECKPOINT_PARAMETERS',
      /1 missing: visual\.merger\.mlp\.0\.weight \(is the download complete\?\)/,
    )
  })

  test('many missing parameters are counted beyond five', async () => {
    const directory = parameters((all) => all.filter(({ storedName }) => !storedName.startsWith('model.layers.1.')))
    await refuses(
      directory,
      'ERR_CHECKPOINT_PARAMETERS',
      /12 missing: language_model\.layers\.1\.self_attn\.q_proj\.weight, .* and 7 more/,
    )
  })

  test('an unexpected parameter', async () => {
    const directory = parameters((all) => [...all, { storedName: 'v_head.weight', shape: [1], value: 1 }])
    await refuses(directory, 'ERR_CHECKPOINT_PARAMETERS', /1 unexpected: v_head\.weight/)
  })

  test('a parameter of another shape', async () => {
    const directory = parameters((all) =>
      all.map((tensor) => (tensor.storedName === norm.storedName ? { ...norm, shape: [12, 2] } : tensor)),
    )
    await refuses(
      directory,
      'ERR_CHECKPOINT_PARAMETERS',
      /1 of another shape: model\.norm\.weight is \[12,2\] instead of \[24\]/,
    )
  })

  test('one parameter under both names', async () => {
    const directory = parameters((all) => [...all, { ...norm, storedName: 'model.language_model.norm.weight' }])
    await refuses(directory, 'ERR_CHECKPOINT_PARAMETERS', /are the same parameter, language_model\.norm\.weight/)
  })

  test('an untied model without its head', async () => {
    const directory = tinyCheckpoint(
      { ...hub, tie_word_embeddings: false },
      { 'model.safetensors': tinyFile(tinyTensors(hub)) },
    )
    await refuses(directory, 'ERR_CHECKPOINT_PARAMETERS', /1 missing: lm_head\.weight/)
  })

  test('integer weights', async () => {
    const bytes = Buffer.from(tinyFile(tinyTensors(hub)).toString('latin1').replace('"F32"', '"I32"'), 'latin1')
    await refuses(
      tinyCheckpoint(hub, { 'model.safetensors': bytes }),
      'ERR_UNKNOWN_DTYPE',
      /expected a floating-point parameter but found int32/,
    )
  })

  test('a truncated file', async () => {
    const directory = tinyCheckpoint(hub)
    truncateSync(path.join(directory, 'model.safetensors'), 5000)
    await refuses(directory, 'ERR_CHECKPOINT_CORRUPT', /model\.safetensors: .*download/)
  })

  describe('with shards', () => {
    const tensors = tinyTensors(hub)
    const second = 'model-00002-of-00002.safetensors'

    test('one of which is missing', async () => {
      const directory = tinyCheckpoint(hub, sharded(tensors))
      rmSync(path.join(directory, second))
      await refuses(
        directory,
        'ERR_CHECKPOINT_NOT_FOUND',
        /Expected 2 shards .* model-00002-of-00002\.safetensors is missing \(is the download complete\?\)/,
      )
    })

    test('one of which is truncated', async () => {
      const directory = tinyCheckpoint(hub, sharded(tensors))
      truncateSync(path.join(directory, second), 5000)
      await refuses(directory, 'ERR_CHECKPOINT_CORRUPT', /model-00002-of-00002\.safetensors: /)
    })

    test('that were exchanged', async () => {
      const directory = tinyCheckpoint(hub, sharded(tensors))
      const [one, two, aside] = ['model-00001-of-00002.safetensors', second, 'aside'].map((name) =>
        path.join(directory, name),
      ) as [string, string, string]
      renameSync(one, aside)
      renameSync(two, one)
      copyFileSync(aside, two)
      await refuses(
        directory,
        'ERR_CHECKPOINT_PARAMETERS',
        /places .* in model-00001-of-00002\.safetensors, which lacks them/,
      )
    })

    test('lacking a parameter that the index lists', async () => {
      const directory = tinyCheckpoint(
        hub,
        sharded(tensors, (index) => (index.weight_map['model.extra'] = second)),
      )
      await refuses(
        directory,
        'ERR_CHECKPOINT_PARAMETERS',
        /places model\.extra in model-00002-of-00002\.safetensors, which lacks it/,
      )
    })

    test('holding a parameter that the index does not list', async () => {
      const directory = tinyCheckpoint(
        hub,
        sharded(tensors, (index) => delete index.weight_map['model.norm.weight']),
      )
      await refuses(
        directory,
        'ERR_CHECKPOINT_PARAMETERS',
        /model-00002-of-00002\.safetensors holds model\.norm\.weight, but .* does not place it there/,
      )
    })

    test.each([
      ['no map', undefined],
      ['an empty map', {}],
      ['a list', []],
      ['a path out of the directory', { a: '../model.safetensors' }],
      ['an absolute path', { a: '/model.safetensors' }],
      ['a number', { a: 1 }],
      ['another kind of file', { a: 'config.json' }],
    ])('whose index has %s', async (_, weight_map) => {
      const directory = tinyCheckpoint(hub, { ...sharded(tensors), 'model.safetensors.index.json': { weight_map } })
      await refuses(directory, 'ERR_CHECKPOINT_CORRUPT', /index\.json: expected/)
    })
  })
})

test.each([undefined, '', 3])('a directory argument of %j is refused', async (directory) => {
  await expect(openCheckpoint(directory as string)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
})
