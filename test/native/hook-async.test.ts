import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import {
  type HookPassage,
  type Intervention,
  memory,
  Tensor,
  tensor,
  type VisionLanguageModel,
} from '../../src/index.ts'
import { compile } from '../cli/frankentorch.ts'
import { fixtureModels } from '../parity/models.ts'
import { fixture } from '../processor/fixture.ts'

const models = fixtureModels()
const layer = 'language_model.layers.2'
const inputs = { inputIds: [[5, 6, 7, 8, 9]] }

let model: VisionLanguageModel
const load = async () => (model = await models('hub-tied'))
afterEach(() => {
  for (const hook of model?.hooks() ?? []) hook.dispose()
})

test('what a callback awaits is served while the pass waits, and its tensor flows on', async () => {
  await load()
  const interventions: Intervention[] = [{ kind: 'scale', point: layer, factor: 3 }]
  const wanted = await model.generate(inputs, { maxNewTokens: 5, interventions })
  const passages: HookPassage[] = []
  using _ = model.hookAsync(layer, async (x, passage) => {
    passages.push(passage)
    expect(x).toBeInstanceOf(Tensor)
    const largest = Number(await x.abs().max().item())
    return largest > 0 ? x.mul(3) : undefined
  })
  expect((await model.generate(inputs, { maxNewTokens: 5 })).tokenIds).toEqual(wanted.tokenIds)
  expect(passages).toEqual([
    { point: layer, step: 'prefill', firstToken: 0, rows: [0] },
    ...[5, 6, 7, 8].map((firstToken) => ({ point: layer, step: 'decode', firstToken, rows: [0] })),
  ])
})

test('a callback that returns nothing leaves the value; positions limit what changes', async () => {
  await load()
  const value = async () => (await model.forward(inputs, { capture: [layer] })).captured[layer]!.tolist()
  const plain = (await value()) as number[][][]
  using look = model.hookAsync(layer, () => {})
  expect(await value()).toEqual(plain)
  look.dispose()
  using _ = model.hookAsync(layer, (x) => x.mul(2), { positions: [3] })
  const [tokens] = (await value()) as number[][][]
  for (const [position, token] of tokens!.entries())
    expect(token).toEqual(plain[0]![position]!.map((element) => element * (position === 3 ? 2 : 1)))
})

test('an exception inside rejects the call that asked with that very error, and the model is usable afterwards', async () => {
  await load()
  const plain = await model.generate(inputs, { maxNewTokens: 4 })
  const own = new RangeError('the callback is tired')
  let steps = 0
  using hook = model.hookAsync(layer, async () => {
    if (++steps === 3) throw own
  })
  await expect(model.generate(inputs, { maxNewTokens: 4 })).rejects.toBe(own)
  expect(steps).toBe(3)
  hook.dispose()
  using wrong = model.hookAsync(layer, () => tensor([1, 2]))
  await expect(model.forward(inputs)).rejects.toMatchObject({ code: 'ERR_SHAPE_MISMATCH' })
  wrong.dispose()
  using none = model.hookAsync(layer, (() => 'text') as never)
  await expect(model.forward(inputs)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  none.dispose()
  expect((await model.generate(inputs, { maxNewTokens: 4 })).tokenIds).toEqual(plain.tokenIds)
})

test('a call of a model from inside is ERR_REENTRANT, one from outside waits for its turn', async () => {
  await load()
  const plain = await model.generate(inputs, { maxNewTokens: 2 })
  const refused: unknown[] = []
  const other = await models('v5-sharded')
  using hook = model.hookAsync(layer, async () => {
    for (const call of [() => model.forward(inputs), () => other.generate(inputs), () => other.dispose()])
      refused.push(await call().catch((thrown) => thrown.code))
  })
  const from_outside = other.generate(inputs, { maxNewTokens: 2 })
  await model.forward(inputs)
  expect(refused).toEqual(['ERR_REENTRANT', 'ERR_REENTRANT', 'ERR_REENTRANT'])
  expect((await from_outside).tokenIds).toHaveLength(2)
  hook.dispose()
  expect((await model.generate(inputs, { maxNewTokens: 2 })).tokenIds).toEqual(plain.tokenIds)
})

test('aborting ends the wait for a callback that never answers', async () => {
  await load()
  const stop = new AbortController()
  let late: (() => void) | undefined
  using hook = model.hookAsync(layer, async () => {
    setTimeout(() => stop.abort(), 20)
    await new Promise<void>((resolve) => {
      late = resolve
    })
  })
  await expect(model.forward(inputs, { signal: stop.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  hook.dispose()
  late!()
  expect((await model.forward(inputs)).logits.ndim).toBe(3)
})

test('handles of values go with their callback', async () => {
  await load()
  let kept: Tensor | undefined
  using _ = model.hookAsync('language_model.layers.*', (x) => {
    kept = x
  })
  const reply = await model.generate(inputs, { maxNewTokens: 3 })
  const { tensors } = memory()
  await model.generate(inputs, { maxNewTokens: 3 })
  expect(memory().tensors).toBeLessThanOrEqual(tensors)
  expect(reply.tokenIds).toHaveLength(3)
  await expect(kept!.data()).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
})

test('an environment that ends while its engine waits for a callback ends cleanly', async () => {
  await load()
  compile()
  const script = fileURLToPath(new URL('children/asking.mjs', import.meta.url))
  const worker = new Worker(script, { workerData: { directory: fixture('models/hub-tied'), point: layer } })
  const [said] = await once(worker, 'message')
  expect(said).toBe('asked')
  await worker.terminate()
  expect((await model.forward(inputs)).logits.ndim).toBe(3)
})
