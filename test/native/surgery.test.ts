import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { memory, openCheckpoint, randn, VisionLanguageModel } from '../../src/index.ts'
import { device } from '../device.ts'
import { fixtureModels } from '../parity/models.ts'
import { fixture } from '../processor/fixture.ts'

const models = fixtureModels()
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-surgery-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const inputs = { inputIds: [[5, 6, 7, 8, 9]] }
const down = 'language_model.layers.1.mlp.down_proj.weight'

let model: VisionLanguageModel
const load = async (name = 'hub-tied') => (model = await models(name))
afterEach(async () => {
  await model?.restore()
})

const logits = async (of: VisionLanguageModel) => (await of.forward(inputs)).logits.data()
const weightsOf = async (of: VisionLanguageModel, name: string) => {
  using tensor = await of.parameter(name)
  return Array.from(await tensor.data(), Number)
}
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

describe('edit', () => {
  test('changes what the next pass computes, and restore takes it back', async () => {
    await load()
    const before = await logits(model)
    const weight = await weightsOf(model, down)
    expect(await model.edit(down, (w) => w.mul(2))).toEqual([down])
    expect(await weightsOf(model, down)).toEqual(weight.map((x) => 2 * x))
    expect(await logits(model)).not.toEqual(before)
    expect(await model.restore()).toEqual([down])
    expect(await weightsOf(model, down)).toEqual(weight)
    expect(await logits(model)).toEqual(before)
    expect(await model.restore()).toEqual([])
  })

  test('gets every selected parameter with its name, and other tensors', async () => {
    await load()
    const seen: string[] = []
    using donor = await randn([model.config.hiddenSize], { seed: 2, device })
    const names = await model.edit('language_model.layers.*.input_layernorm', (w, name) => {
      seen.push(name)
      return w.lerp(donor, 0.5)
    })
    expect(names).toEqual(seen)
    expect(names).toHaveLength(model.config.numHiddenLayers)
    const [a, b] = [await weightsOf(model, names[0]!), Array.from(await donor.data(), Number)]
    await model.restore(names[0]!)
    const original = await weightsOf(model, names[0]!)
    a.forEach((x, i) => {
      expect(x).toBeCloseTo((original[i]! + b[i]!) / 2, 6)
    })
  })

  test('in-place forms act on the parameter and on views of it, never on the file', async () => {
    await load()
    const files = (await openCheckpoint(model.directory)).files.map(({ file }) => file)
    const digests = files.map(digest)
    const weight = await weightsOf(model, down)
    using alias = await model.parameter(down)
    const [, columns] = alias.shape as [number, number]
    await model.edit(down, (w) => {
      w.narrow(0, 1, 1).zero_()
      w.mul_(3)
      w.select(0, 0).copy_(w.select(0, 2))
    })
    const row = (values: number[], i: number) => values.slice(i * columns, (i + 1) * columns)
    const after = await weightsOf(model, down)
    expect(row(after, 1)).toEqual(row(after, 1).map(() => 0))
    expect(row(after, 2)).toEqual(row(weight, 2).map((x) => Math.fround(3 * x)))
    expect(row(after, 0)).toEqual(row(after, 2))
    // what was handed out before keeps what it had
    expect(Array.from(await alias.data(), Number)).toEqual(weight)
    expect(files.map(digest)).toEqual(digests)
    expect(() => alias.mul_(2)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('a result of another dtype is rounded once; one of another shape changes nothing', async () => {
    model = await models('hub-tied', 'bfloat16')
    const weight = await weightsOf(model, down)
    await model.edit(down, (w) =>
      w
        .to('float32')
        .mul(1 / 3)
        .mul(3)
        .add(1e-9),
    )
    expect((await model.parameter(down)).dtype).toBe('bfloat16')
    expect(await weightsOf(model, down)).toEqual(weight)
    await model.restore()
    const both = ['language_model.layers.0.mlp.down_proj', down]
    const before = await logits(model)
    const refused: [Parameters<VisionLanguageModel['edit']>[1], string][] = [
      [(w, name) => (name === down ? w.t() : w.mul(2)), 'ERR_SHAPE_MISMATCH'],
      [(w) => w.add(w.t()), 'ERR_SHAPE_MISMATCH'],
      [(w) => w.gt(0), 'ERR_UNKNOWN_DTYPE'],
      [(w) => w.mul((w.shape as number[])[0]!), 'ERR_SYMBOLIC_VALUE'],
      [() => undefined, 'ERR_INVALID_ARGUMENT'],
      [3 as never, 'ERR_INVALID_ARGUMENT'],
    ]
    for (const [change, code] of refused) await expect(model.edit(both, change)).rejects.toMatchObject({ code })
    await expect(model.edit('lm_head.weight', (w) => w)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_PARAMETER' })
    await expect(model.parameter('early')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_PARAMETER' })
    expect(await logits(model)).toEqual(before)
  })

  test('edit and restore leave no handle behind', async () => {
    await load()
    const before = memory().tensors // some of an earlier test may be collected meanwhile
    await model.edit('middle', (w) => w.mul(0.5))
    expect(memory().tensors).toBeLessThanOrEqual(before) // the model's own are no handles
    await model.restore()
    expect(memory().tensors).toBeLessThanOrEqual(before)
  })
})

describe('graft', () => {
  const other = join(scratch, 'donor')
  const donorLike = async () => {
    const checkpoint = await openCheckpoint(fixture('models/hub-tied'))
    if (readdirSync(scratch).includes('donor')) return other
    await load()
    await model.edit('**', (w) => w.neg())
    await model.save(other)
    await model.restore()
    expect((await openCheckpoint(other)).entries.size).toBe(checkpoint.entries.size)
    return other
  }

  test('takes a third of the decoder from a checkpoint and leaves the rest', async () => {
    const donor = await donorLike()
    await load()
    const before = new Map(
      await Promise.all(model.parameters().map(async ({ name }) => [name, await weightsOf(model, name)] as const)),
    )
    const names = await model.graft(donor, 'early')
    expect(names).toEqual(model.parameters('early').map(({ name }) => name))
    for (const [name, value] of before) {
      const wanted = names.includes(name) ? value.map((x) => -x) : value
      expect(await weightsOf(model, name), name).toEqual(wanted)
    }
  })

  test('from a loaded model is the same as from its checkpoint, and outlives it', async () => {
    const donor = await donorLike()
    await load()
    await model.graft(donor, ['projector', 'language_model.layers[-1]'])
    const wanted = await logits(model)
    await model.restore()
    {
      await using loaded = await VisionLanguageModel.load(donor)
      await model.graft(loaded, ['projector', 'language_model.layers[-1]'])
    }
    expect(await logits(model)).toEqual(wanted)
  })

  test('spellings of names may differ; shapes and parameters may not', async () => {
    await load()
    await expect(model.graft(fixture('models/qwen2-text'), 'vision')).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_PARAMETER',
    })
    await expect(model.graft(join(scratch, 'nowhere'), 'early')).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT_NOT_FOUND',
    })
    const nested = await models('v5-sharded')
    const [from, to] = [nested.config, model.config]
    const same = from.hiddenSize === to.hiddenSize && from.intermediateSize === to.intermediateSize
    const graft = model.graft(nested.directory, 'language_model.layers.0.mlp')
    if (same) expect(await graft).toHaveLength(3)
    else await expect(graft).rejects.toMatchObject({ code: 'ERR_SHAPE_MISMATCH' })
  })
})

describe('save', () => {
  test.each(['hub-tied', 'v5-sharded', 'v4-bfloat16'])('%s unchanged has the same weight files', async (name) => {
    const out = join(scratch, `same-${name}`)
    await using loaded = await VisionLanguageModel.load(fixture(`models/${name}`))
    expect(await loaded.save(out)).toBe(out)
    const source = fixture(`models/${name}`)
    const files = readdirSync(source).filter((file) => file.endsWith('.safetensors'))
    expect(readdirSync(out).filter((file) => file.endsWith('.safetensors'))).toEqual(files)
    const [ours, theirs] = await Promise.all([out, source].map((directory) => openCheckpoint(directory)))
    expect(await ours!.hash()).toBe(await theirs!.hash())
    expect(ours!.layout).toBe(theirs!.layout)
    expect(ours!.sideFiles.length).toBe(theirs!.sideFiles.length)
  })

  test('what was edited is what is loaded again, in the dtype of the files', async () => {
    model = await models('v4-bfloat16', 'float32')
    const out = join(scratch, 'edited')
    await model.edit(down, (w) => w.mul(0.5))
    const progress: number[] = []
    await model.save(out, { onProgress: (written, total) => progress.push(written / total) })
    expect(progress.at(-1)).toBe(1)
    await using again = await VisionLanguageModel.load(out)
    expect(again.dtype).toBe('bfloat16')
    expect(await weightsOf(again, down)).toEqual(await weightsOf(model, down))
    const [saved, source] = await Promise.all([openCheckpoint(out), openCheckpoint(model.directory)])
    expect(await saved.hash()).not.toBe(await source.hash())
  })

  test('an existing directory is refused, and one that is aborted does not appear', async () => {
    await load()
    await expect(model.save(scratch)).rejects.toMatchObject({ code: 'ERR_OUTPUT' })
    const out = join(scratch, 'aborted')
    const stop = new AbortController()
    const saving = model.save(out, { signal: stop.signal, onProgress: () => stop.abort() })
    await expect(saving).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(readdirSync(scratch).filter((name) => name.startsWith('aborted'))).toEqual([])
  })

  test('a disposed model edits, grafts and saves nothing', async () => {
    const gone = await VisionLanguageModel.load(fixture('models/hub-tied'))
    await gone.dispose()
    const failure = { code: 'ERR_DISPOSED' }
    await expect(gone.edit(down, (w) => w)).rejects.toMatchObject(failure)
    await expect(gone.parameter(down)).rejects.toMatchObject(failure)
    await expect(gone.save(join(scratch, 'gone'))).rejects.toMatchObject(failure)
    expect(() => gone.hook('lm_head', (x) => x)).toThrow(expect.objectContaining(failure))
  })
})
