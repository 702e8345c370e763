import { afterEach, describe, expect, test } from 'vitest'
import {
  type Intervention,
  interventionFromJson,
  interventionHash,
  interventionToJson,
  ops,
  program,
  randn,
  type Tensor,
  tensor,
  type VisionLanguageModel,
} from '../../src/index.ts'
import { native } from '../../src/native.ts'
import { fixtureModels } from '../parity/models.ts'

const models = fixtureModels()
const layer = 'language_model.layers.2'
const inputs = { inputIds: [[5, 6, 7, 8, 9]] }
const longer = { inputIds: [[11, 12, 13]] }
const both = { inputIds: [...inputs.inputIds, ...longer.inputIds] }

let model: VisionLanguageModel
const load = async () => (model = await models('hub-tied'))
afterEach(() => {
  for (const hook of model?.hooks() ?? []) hook.dispose()
})

/** What passes `point` and the logits, as plain numbers. */
async function pass(point: string, given = inputs, interventions: Intervention[] = []) {
  const { logits, captured } = await model.forward(given, { capture: [point], interventions })
  return { logits: await logits.data(), value: await captured[point]!.data() }
}

describe('a recorded program', () => {
  test('does in forward what the intervention that means the same does', async () => {
    await load()
    const plain = await pass(layer)
    const scaled = await pass(layer, inputs, [{ kind: 'scale', point: layer, factor: 0.5 }])
    using _ = model.hook(layer, (x) => x.mul(0.5))
    expect(await pass(layer)).toEqual(scaled)
    expect(scaled.logits).not.toEqual(plain.logits)
  })

  test('acts at every step of generate, stream and batch', async () => {
    await load()
    const options = { maxNewTokens: 6 }
    const interventions: Intervention[] = [{ kind: 'scale', point: `${layer}.mlp`, factor: -2, positions: 'answer' }]
    const plain = await model.generate(inputs, options)
    const wanted = await model.generate(inputs, { ...options, interventions })
    expect(wanted.tokenIds).not.toEqual(plain.tokenIds)
    expect(wanted.tokenIds[0]).toBe(plain.tokenIds[0])
    {
      using _ = model.hook(`${layer}.mlp`, (x) => x.mul(-2), { positions: 'answer' })
      expect((await model.generate(inputs, options)).tokenIds).toEqual(wanted.tokenIds)
      let streamed = ''
      for await (const piece of model.stream(inputs, options)) streamed += piece
      expect(streamed).toBe(wanted.text)
      await using batch = model.batch()
      expect((await batch.add(inputs, options)).tokenIds).toEqual(wanted.tokenIds)
    }
    expect((await model.generate(inputs, options)).tokenIds).toEqual(plain.tokenIds)
  })

  test('stays within its positions, rows and heads', async () => {
    await load()
    const heads = `${layer}.self_attn.heads`
    const values = async (given: typeof both, interventions: Intervention[] = []) =>
      Promise.all(
        (await model.forwardBatch(given, { capture: [heads, layer], interventions })).map(async ({ captured }) => [
          await captured[heads]!.tolist(),
          await captured[layer]!.tolist(),
        ]),
      )
    const where = { positions: [1, 2], rows: [1], heads: [3, 0] }
    const wanted = await values(both, [{ kind: 'zero', point: heads, ...where }])
    expect(wanted).not.toEqual(await values(both))
    using _ = model.hook(heads, (x) => x.zeros_like(), where)
    expect(await values(both)).toEqual(wanted)
    // rows and positions that a call has not are no error for what is attached to the model
    const alone = await pass(layer)
    model.hooks()[0]!.dispose()
    expect(await pass(layer)).toEqual(alone)
  })

  test('several on one point run in the order in which they were attached', async () => {
    await load()
    using one = model.hook(layer, (x) => x.mul(2))
    using two = model.hook({ kind: 'add', point: layer, tensor: tensor([1]) })
    using three = model.hook(layer, (x) => x.mul(3))
    expect(model.hooks()).toEqual([one, two, three])
    const { value } = await pass(layer)
    const after = await pass(layer, inputs, [{ kind: 'scale', point: layer, factor: 10 }])
    two.dispose()
    expect(two.disposed).toBe(true)
    expect(model.hooks()).toEqual([one, three])
    const { value: without } = await pass(layer)
    expect(value[0]! as number).toBeCloseTo((without[0]! as number) + 3, 4)
    expect(after.value[0]! as number).toBeCloseTo(10 * (value[0]! as number), 3)
  })

  test('owns its constants, and does not go on after its call', async () => {
    await load()
    const { hiddenSize } = model.config
    const vector = await randn([hiddenSize], { seed: 4 })
    const hook = model.hook(layer, (x) => x.add(vector))
    const wanted = await pass(layer)
    vector.dispose()
    expect(await pass(layer)).toEqual(wanted)
    hook.dispose()
    hook.dispose()
    expect(await pass(layer)).not.toEqual(wanted)
  })

  test('knows sizes as recorded integers', async () => {
    await load()
    const wanted = await pass(layer, inputs, [{ kind: 'scale', point: layer, factor: 5 / 48 }])
    using _ = model.hook(layer, (x) => x.mul(x.size(1)).div(x.size(2)))
    const { value } = await pass(layer)
    expect(model.config.hiddenSize).toBe(48)
    value.forEach((element, i) => {
      expect(element as number).toBeCloseTo(wanted.value[i] as number, 5)
    })
  })

  test('works in the vision tower and on attention weights', async () => {
    await load()
    const weights = `${layer}.self_attn.weights`
    const wanted = await pass(weights, inputs, [{ kind: 'scale', point: weights, factor: 0.25, heads: [1] }])
    using h = model.hook(weights, (x) => x.mul(0.25), { heads: [1] })
    expect(await pass(weights)).toEqual(wanted)
    expect(h.points).toEqual([weights])
    using v = model.hook('visual.blocks.*.mlp', (x) => x.mul(0))
    expect(v.points).toHaveLength(model.config.vision!.depth)
  })
})

describe('random operators of a hook', () => {
  const noisy = (options: object = {}) => model.hook(layer, (x) => x.add(ops.randn_like(x)), options)

  test('draw by prompt, step and seed, however rows are batched', async () => {
    await load()
    const base = await pass(layer)
    const drawn = async (given = inputs, options: object = {}) => {
      using _ = noisy(options)
      return pass(layer, given)
    }
    const first = await drawn()
    expect(first).not.toEqual(base)
    expect(await drawn()).toEqual(first)
    expect(await drawn(inputs, { seed: 1 })).not.toEqual(first)
    using _ = noisy()
    const alone = await Promise.all([inputs, longer, inputs].map((given) => pass(layer, given)))
    const together = await model.forwardBatch(
      { inputIds: [inputs, longer, inputs].flatMap(({ inputIds }) => inputIds) },
      { capture: [layer] },
    )
    for (const [row, { captured }] of together.entries()) {
      const value = await captured[layer]!.data()
      value.forEach((element, i) => {
        expect(element as number).toBeCloseTo(alone[row]!.value[i] as number, 4)
      })
    }
  })

  test('differ from point to point and from step to step', async () => {
    await load()
    const seen: number[][] = []
    const draw = (x: Tensor) => {
      seen.push(x.shape.slice())
    }
    using _ = model.hook('language_model.layers[1:3]', (x) => ops.randn_like(x))
    const { captured } = await model.forward(inputs, { capture: ['language_model.layers[1:3]'] })
    const [one, two] = await Promise.all(Object.values(captured).map((value) => value.data()))
    expect(one).not.toEqual(two)
    // the last token of a prefill and the first generated one
    const values: unknown[] = []
    using __ = model.hookAsync(layer, async (x) => {
      draw(x)
      values.push(await x.narrow(1, x.shape[1]! - 1, 1).tolist())
    })
    await model.generate(inputs, { maxNewTokens: 3 })
    expect(seen).toEqual([
      [1, 5, 48],
      [1, 1, 48],
      [1, 1, 48],
    ])
    expect(values[1]).not.toEqual(values[2])
  })
})

describe('as data', () => {
  test('a program goes through JSON and does the same, its constants beside it', async () => {
    await load()
    const vector = await randn([model.config.hiddenSize], { seed: 4 })
    using hook = model.hook(
      layer,
      (x) => {
        const { values } = x.topk(3, -1)
        return x
          .add(vector, { alpha: 2 })
          .clamp(Number.NEGATIVE_INFINITY, 4)
          .add(values.sum([-1], true).mul(x.size(0)))
          .add(ops.rand_like(x))
      },
      { positions: [0, 2], seed: 7 },
    )
    vector.dispose()
    const wanted = await pass(layer)
    const { json, tensors } = await interventionToJson(hook.intervention!)
    const hash = await interventionHash(hook.intervention!)
    hook.dispose()
    expect(Object.keys(tensors)).toHaveLength(1)
    const back = interventionFromJson(JSON.parse(JSON.stringify(json)), tensors)
    expect(await interventionHash(back)).toBe(hash)
    expect(await pass(layer, inputs, [back])).toEqual(wanted)
    using again = model.hook(back)
    expect(again.intervention).toBe(back)
    expect(await pass(layer)).toEqual(wanted)
  })

  test('what is recorded alike has the same hash, whatever was recorded before', async () => {
    await load()
    const hash = async (factor: number) => {
      using hook = model.hook(layer, (x) => x.add(ops.randn_like(x).mul(factor)))
      return interventionHash(hook.intervention!)
    }
    const first = await hash(2)
    program((x) => x.bernoulli())
    expect(await hash(2)).toBe(first)
    expect(await hash(3)).not.toBe(first)
  })

  test('JSON that is no program is refused by what is wrong with it', async () => {
    const json = (instructions: unknown, results = [1]) => ({
      kind: 'replace',
      point: layer,
      program: { inputs: 1, instructions, results },
    })
    const refused: [object, string, RegExp][] = [
      [json([{ operator: 'aten::mul.Twice', arguments: [] }]), 'ERR_UNKNOWN_OPERATOR', /mul.*'Twice'/],
      [json([{ operator: 'aten::nonsense', arguments: [] }]), 'ERR_UNKNOWN_OPERATOR', /nonsense/],
      [json([{ operator: 'aten::relu', arguments: [{ register: 5 }] }]), 'ERR_INVALID_ARGUMENT', /register/],
      [json([{ operator: 'aten::relu', arguments: [] }]), 'ERR_INVALID_ARGUMENT', /aten::relu/],
      [json([{ operator: 'rm -rf', arguments: [] }]), 'ERR_INVALID_ARGUMENT', /qualified operator/],
      [json([], [0, 0]), 'ERR_INVALID_ARGUMENT', /a program of one tensor that gives one/],
      [{ ...json([], [0]), tensor: tensor([1]) }, 'ERR_INVALID_ARGUMENT', /not both/],
    ]
    for (const [given, code, message] of refused)
      expect(() => interventionFromJson(given)).toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      )
  })
})

describe('attaching refuses', () => {
  type Record = Parameters<VisionLanguageModel['hook']>[1]
  const refused: [why: string, record: Record, code: string, message: RegExp][] = [
    ['another shape', (x) => x.narrow(2, 0, 1), 'ERR_SHAPE_MISMATCH', /\[2, 7, 48\].*gives float32 \[2, 7, 1\]/],
    ['another dtype', (x) => x.to('float64'), 'ERR_SHAPE_MISMATCH', /float32.*gives float64/],
    ['what fits one count of tokens', (x) => x.add(ops.zeros([1, 7, 1])), 'ERR_SHAPE_MISMATCH', /gives float32/],
    ['operands that do not fit', (x) => x.add(ops.zeros([3])), 'ERR_SHAPE_MISMATCH', /does not run.*aten::add/s],
    ['the shape', (x) => x.mul((x.shape as number[])[0]!), 'ERR_SYMBOLIC_VALUE', /size\(d\)/],
    ['a comparison', (x) => (Number(x) > 1 ? x : x.neg()), 'ERR_SYMBOLIC_VALUE', /where\(\)/],
    ['no result', (() => undefined) as never, 'ERR_INVALID_ARGUMENT', /an expression.*undefined/],
    ['an async function', (async (x: never) => x) as never, 'ERR_INVALID_ARGUMENT', /synchronous/],
    ['no function', 3 as never, 'ERR_INVALID_ARGUMENT', /a function.*3/],
  ]
  test.each(refused)('%s', async (_, record, code, message) => {
    await load()
    expect(() => model.hook(layer, record)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
    expect(model.hooks()).toEqual([])
  })

  test('points, heads and options that the model has not', async () => {
    await load()
    const half: Record = (x) => x.mul(0.5)
    const calls: [() => unknown, string][] = [
      [() => model.hook('language_model.layer.2', half), 'ERR_UNKNOWN_POINT'],
      [() => model.hook('language_model.layers.99', half), 'ERR_UNKNOWN_LAYER'],
      [() => model.hook(layer, half, { heads: [0] }), 'ERR_INVALID_ARGUMENT'],
      [() => model.hook(layer, half, { step: 'all' } as object), 'ERR_UNKNOWN_OPTION'],
      [() => model.hook('visual.merger', half, { steps: 'decode' }), 'ERR_INVALID_ARGUMENT'],
      [() => model.hookAsync(layer, 5 as never), 'ERR_INVALID_ARGUMENT'],
      [() => model.hookAsync(layer, (x) => x, { seed: 1 } as object), 'ERR_UNKNOWN_OPTION'],
      [() => model.hook({ kind: 'skip', point: `${layer}.mlp` }), 'ERR_INVALID_ARGUMENT'],
    ]
    for (const [call, code] of calls) expect(call).toThrow(expect.objectContaining({ code }))
    expect(model.hooks()).toEqual([])
  })

  test('a program that was disposed', async () => {
    await load()
    const gone = program((x) => x.mul(2))
    gone.dispose()
    const failure = expect.objectContaining({ code: 'ERR_DISPOSED' })
    expect(() => model.hook({ kind: 'replace', point: layer, program: gone })).toThrow(failure)
    await expect(gone.run([tensor([1])])).rejects.toEqual(failure)
  })
})

describe('by counts', () => {
  const counted = async (work: () => Promise<unknown>) => {
    const before = native().crossings()
    await native().countOperations(true)
    await work()
    const operations = await native().countOperations(false)
    return { operations, crossings: native().crossings() - before }
  }
  const difference = (a: Record<string, number>, b: Record<string, number>) =>
    Object.fromEntries(
      Object.keys({ ...a, ...b })
        .map((name) => [name, (a[name] ?? 0) - (b[name] ?? 0)] as const)
        .filter(([, count]) => count !== 0),
    )

  test('a hook adds its instructions and one where at each point and step, and no crossing', async () => {
    await load()
    const generate = () => model.generate(inputs, { maxNewTokens: 4 })
    const plain = await counted(generate)
    expect(Object.values(plain.operations).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100)
    {
      using _ = model.hook('language_model.layers.*', (x) => x.mul(0.5).add(1).tanh(), { positions: [1, 3, 6] })
      const hooked = await counted(generate)
      const layers = model.config.numHiddenLayers
      // positions 1 and 3 are of the prompt, 6 of the second decoding step
      expect(difference(hooked.operations, plain.operations)).toEqual({
        'aten::mul.Scalar': 2 * layers,
        'aten::add.Scalar': 2 * layers,
        'aten::tanh': 2 * layers,
        'aten::where.self': layers,
      })
      expect(hooked.crossings).toBe(plain.crossings)
    }
    expect(await counted(generate)).toEqual(plain)
  })
})
