import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { memory, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { tiny } from '../native/models.ts'

// What JSON cannot hold. The rest is in the corpus.

let model: VisionLanguageModel
beforeAll(async () => {
  await native().setNumThreads(1)
  model = await VisionLanguageModel.load(tiny)
})
afterAll(() => model.dispose())

const pads = { inputIds: [[265, 268, 268, 268, 268, 266]], imageGridThw: [[1, 4, 4]] }

function nested(depth: number): unknown[] {
  let list: unknown[] = [1]
  for (let i = 1; i < depth; i++) list = [list]
  return list
}

function holdingItself(): unknown[] {
  const list: unknown[] = []
  list.push(list)
  return list
}

describe('a tensor', () => {
  test.each([
    ['a text', '12', 'ERR_INVALID_ARGUMENT', 'data'],
    ['an ArrayBuffer', new ArrayBuffer(8), 'ERR_INVALID_ARGUMENT', 'data'],
    ['a DataView', new DataView(new ArrayBuffer(8)), 'ERR_INVALID_ARGUMENT', 'data'],
    ['a Uint8ClampedArray', new Uint8ClampedArray(2), 'ERR_INVALID_ARGUMENT', 'a Uint8ClampedArray'],
    ['nothing', undefined, 'ERR_INVALID_ARGUMENT', 'data'],
  ])('is not made of %s', (_, data, code, names) => {
    expect(() => tensor(data as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(names) }),
    )
  })

  test.each([
    ['uneven', [[1], [2, 3]]],
    ['of texts', ['a']],
    ['of nothing', [null]],
    ['with a hole', Object.assign(new Array(3), { 0: 1, 2: 2 })],
    ['that holds itself', holdingItself()],
    ['nested a hundred thousand deep', nested(100_000)],
  ])('is not made of a list %s', (_, list) => {
    expect(() => tensor(list as never)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(INVALID_ARGUMENT|SHAPE_MISMATCH)$/) }),
    )
  })

  test.each([
    [[3], 'ERR_SHAPE_MISMATCH'],
    [[2, 2], 'ERR_SHAPE_MISMATCH'],
    [[], 'ERR_SHAPE_MISMATCH'],
    [[2 ** 46], 'ERR_SHAPE_MISMATCH'],
    [[2 ** 40, 2 ** 40], 'ERR_SHAPE_MISMATCH'],
    [[-1], 'ERR_INVALID_ARGUMENT'],
    [[1.5], 'ERR_INVALID_ARGUMENT'],
    [[Number.NaN], 'ERR_INVALID_ARGUMENT'],
    [[2 ** 60, 0], 'ERR_INVALID_ARGUMENT'],
    ['2', 'ERR_INVALID_ARGUMENT'],
  ])('of two elements has no shape %j', (shape, code) => {
    expect(() => tensor(Float32Array.of(1, 2), shape as number[])).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('shape') }),
    )
  })

  test.each([
    ['int32', 'Expected float32 or complex64 for dtype of a Float32Array'],
    ['float8', 'dtype'],
    [7, 'dtype'],
  ])('of a Float32Array has no dtype %j', (dtype, message) => {
    expect(() => tensor(Float32Array.of(1, 2), [2], dtype as 'float32')).toThrow(
      expect.objectContaining({ code: 'ERR_UNKNOWN_DTYPE', message: expect.stringContaining(message) }),
    )
  })

  test('of booleans is true for every byte but 0', async () => {
    using value = tensor(Uint8Array.of(0, 1, 2, 255), [4], 'bool')
    expect(await value.tolist()).toEqual([false, true, true, true])
  })

  test('copies what it is made of: a shared buffer, a part of a buffer, one that is detached after', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(8))
    shared.set([1, 2])
    const part = Float32Array.of(0, 1, 2, 3).subarray(1, 3)
    const detached = Float32Array.of(1, 2)
    const values = [shared, part, detached].map((data) => tensor(data))
    structuredClone(detached, { transfer: [detached.buffer] })
    shared.fill(0)
    for (const value of values) {
      expect(await value.tolist()).toEqual([1, 2])
      value.dispose()
    }
    using empty = tensor(detached)
    expect(empty.shape).toEqual([0])
  })
})

describe('an image given as pixels', () => {
  async function forward(shape: number[], data = new Float32Array(shape.reduce((a, b) => a * b, 1))): Promise<void> {
    using pixelValues = tensor(data, shape)
    const { logits, positionIds } = await model.forward({ ...pads, pixelValues })
    logits.dispose()
    positionIds.dispose()
  }

  test.each([[[15, 1176]], [[16, 1175]], [[16 * 1176]], [[1, 16, 1176]], [[1176, 16]], [[0, 1176]]])(
    'of shape %j does not fit a grid of 1 × 4 × 4',
    async (shape) => {
      await expect(forward(shape)).rejects.toMatchObject({
        code: 'ERR_SHAPE_MISMATCH',
        message: `Expected shape [16, 1176], as the grids have it, for inputs.pixelValues but received [${shape.join(', ')}]`,
      })
    },
  )

  test('of the right shape passes, whatever its values', async () => {
    await forward([16, 1176])
    await forward([16, 1176], new Float32Array(16 * 1176).fill(Number.NaN))
    await forward([16, 1176], new Float32Array(16 * 1176).fill(1e38))
  })

  test('of another kind of tensor passes or is refused with a code', async () => {
    using bytes = tensor(new Uint8Array(16 * 1176), [16, 1176])
    const { logits, positionIds } = await model.forward({ ...pads, pixelValues: bytes })
    logits.dispose()
    positionIds.dispose()
    await expect(
      model.forward({ ...pads, pixelValues: { shape: [16, 1176] } as unknown as Tensor }),
    ).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, undefined, 65n])(
  'a token id of %s is refused',
  async (id) => {
    await expect(model.generate({ inputIds: [[65, id as number]] })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  },
)

test.each([Number.NaN, Number.POSITIVE_INFINITY])('a temperature of %s is refused', async (temperature) => {
  await expect(model.generate({ inputIds: [[65]] }, { temperature })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('options.temperature'),
  })
})

test.each([1e-30, 1e30])(
  'a temperature of %d gives a reply or an error with a code, never a crash',
  async (temperature) => {
    const outcome = await model
      .generate({ inputIds: [[65]] }, { temperature, maxNewTokens: 3 })
      .catch((thrown) => thrown.code)
    expect(outcome === 'ERR_ENGINE' || outcome.tokenIds.length > 0).toBe(true)
  },
)

test('logits that are not numbers are an error when a token is drawn from them', async () => {
  using nan = tensor([Number.NaN])
  const interventions = [{ kind: 'add', point: 'language_model.norm', tensor: nan } as const]
  await expect(model.generate({ inputIds: [[65]] }, { temperature: 1, interventions })).rejects.toMatchObject({
    code: 'ERR_ENGINE',
    message: expect.stringContaining('Expected finite logits'),
  })
})

describe('a swap', () => {
  const inputs = { inputIds: [[65, 66]] }
  const swap = { kind: 'swap', point: 'language_model.layers[3:]', positions: 'image', steps: 'prefill' } as const

  async function attempt(change: object, shape: number[], prompt: object = {}): Promise<unknown> {
    using pixelValues = tensor(new Float32Array(16 * 1176), [16, 1176])
    using value = tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)
    const points = [3, 4].flatMap((l) => ['key', 'value'].map((t) => `language_model.layers.${l}.self_attn.${t}`))
    const keysValues = Object.fromEntries(points.map((point) => [point, value]))
    const intervention = { ...swap, source: { inputs: pads, keysValues }, ...change }
    return await model.generate({ ...pads, pixelValues, ...prompt }, { maxNewTokens: 2, interventions: [intervention] })
  }

  test('of keys and values as they are captured passes', async () => {
    expect(await attempt({}, [1, 2, 6, 12])).toMatchObject({ finishReason: 'length' })
  })

  test.each<[string, object, number[], string, string]>([
    [
      'of a point that is no decoder layer',
      { point: 'visual.merger' },
      [1, 2, 6, 12],
      'ERR_UNKNOWN_POINT',
      'visual.merger',
    ],
    ['of a layer beyond the model', { point: 'language_model.layers.9' }, [1, 2, 6, 12], 'ERR_UNKNOWN_LAYER', '9'],
    ['of other positions', { positions: 'text' }, [1, 2, 6, 12], 'ERR_INVALID_ARGUMENT', 'interventions[0].positions'],
    ['without a source', { source: undefined }, [1, 2, 6, 12], 'ERR_INVALID_ARGUMENT', 'interventions[0].source'],
    [
      'of nothing captured',
      { source: { inputs: pads, keysValues: {} } },
      [1, 2, 6, 12],
      'ERR_INVALID_ARGUMENT',
      'layers.3.self_attn.key',
    ],
    [
      'from a prompt without an image',
      { source: { inputs, keysValues: {} } },
      [1, 2, 6, 12],
      'ERR_INVALID_ARGUMENT',
      'keysValues',
    ],
    ['of too few tokens', {}, [1, 2, 3, 12], 'ERR_SHAPE_MISMATCH', '[1, 2, 6, 12]'],
    ['of three axes', {}, [2, 6, 12], 'ERR_SHAPE_MISMATCH', '[1, 2, 6, 12]'],
  ])('%s is refused', async (_, change, shape, code, names) => {
    await expect(attempt(change, shape)).rejects.toMatchObject({ code, message: expect.stringContaining(names) })
  })

  test.each([[[1, 3, 6, 12]], [[1, 2, 6, 11]]])('of keys of shape %j is refused', async (shape) => {
    await expect(attempt({}, shape)).rejects.toMatchObject({
      code: 'ERR_SHAPE_MISMATCH',
      message: expect.stringContaining("language_model.layers.3.self_attn.key of a swap's source"),
    })
  })

  test('of a disposed tensor is refused', async () => {
    const value = tensor(new Float32Array(144), [1, 2, 6, 12])
    value.dispose()
    const keysValues = {
      'language_model.layers.4.self_attn.key': value,
      'language_model.layers.4.self_attn.value': value,
    }
    const source = { inputs: pads, keysValues }
    await expect(attempt({ point: 'language_model.layers.4', source }, [1, 2, 6, 12])).rejects.toMatchObject({
      code: 'ERR_DISPOSED',
    })
  })
})

describe('CUDA', () => {
  // No machine has a hundred.
  test.each(['cuda:100', 'cuda:99'])('%s is no device', async (device) => {
    await expect(VisionLanguageModel.load(tiny, { device })).rejects.toMatchObject({ code: 'ERR_UNKNOWN_DEVICE' })
  })
})

test('after all of it nothing is left', () => {
  expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 1 })
})
