import { expect, test } from 'vitest'
import type { Inputs } from '../../src/model/inputs.ts'
import { interventionFromJson, interventionHash, interventionToJson } from '../../src/model/intervention-json.ts'
import type { Intervention } from '../../src/model/interventions.ts'
import type { VisionLanguageModel } from '../../src/model/model.ts'
import { randn } from '../../src/tensor/constructors.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { caseNamed, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'
import { take, takeOutput } from './values.ts'

const model = fixtureModels()
const layer = 'language_model.layers.2'
const text: Inputs = { inputIds: [[84, 104, 101, 32, 115, 107, 121, 32, 105, 115]] }
const other: Inputs = { inputIds: [[65, 32, 99, 97, 116, 32, 115, 97, 116, 115]] }
const greedy = { maxNewTokens: 8, repetitionPenalty: 1 }

/** The logits and one point, as plain numbers: [tokens][width]. */
async function pass(loaded: VisionLanguageModel, inputs: Inputs, interventions: Intervention[], point = layer) {
  const { logits, points } = await takeOutput(await loaded.forward(inputs, { capture: [point], interventions }))
  const { shape, data } = points[point]!
  return { logits: [...logits.data], rows: chunks(data, shape.at(-1)!) }
}

function chunks(data: Float64Array, width: number): number[][] {
  return Array.from({ length: data.length / width }, (_, i) => Array.from(data.subarray(i * width, (i + 1) * width)))
}

async function captured(loaded: VisionLanguageModel, inputs: Inputs, point: string): Promise<Tensor> {
  return (await loaded.forward(inputs, { capture: [point] })).captured[point]!
}

test('a vector is added at the given positions alone, and a capture sees the sum', async () => {
  const loaded = await model('hub-tied')
  using vector = await randn([loaded.config.hiddenSize], { seed: 1 })
  const added = Array.from((await vector.data()) as Float32Array)
  const before = await pass(loaded, text, [])
  const after = await pass(loaded, text, [{ kind: 'add', point: layer, tensor: vector, positions: [3, 7] }])
  const expected = before.rows.map((row, at) =>
    at === 3 || at === 7 ? row.map((x, i) => Math.fround(x + added[i]!)) : row,
  )
  expect(after.rows).toEqual(expected)
  expect(after.logits).not.toEqual(before.logits)
})

test("replaced by another prompt's capture, a layer passes on what it passes on for that prompt", async () => {
  const loaded = await model('hub-tied')
  using source = await captured(loaded, other, layer)
  const theirs = await pass(loaded, other, [])
  const whole = await pass(loaded, text, [{ kind: 'replace', point: layer, tensor: source, steps: 'prefill' }])
  expect(whole.rows).toEqual(theirs.rows)

  const ours = await pass(loaded, text, [])
  const part = await pass(loaded, text, [{ kind: 'replace', point: layer, tensor: source, positions: [1, 4] }])
  expect(part.rows).toEqual(ours.rows.map((row, at) => (at === 1 || at === 4 ? theirs.rows[at]! : row)))

  using two = await source.narrow(1, 8, 2)
  const moved = await pass(loaded, text, [{ kind: 'replace', point: layer, tensor: two, positions: [4, 1] }])
  expect(moved.rows[4]).toEqual(theirs.rows[8])
  expect(moved.rows[1]).toEqual(theirs.rows[9])
})

test('several interventions on one point act in the order in which they are given', async () => {
  const loaded = await model('hub-tied')
  const double = { kind: 'scale', point: layer, factor: 2 } as const
  using one = tensor([1])
  const add = { kind: 'add', point: layer, tensor: one } as const
  const { rows } = await pass(loaded, text, [])
  expect((await pass(loaded, text, [double, add])).rows[0]).toEqual(rows[0]!.map((x) => Math.fround(2 * x + 1)))
  expect((await pass(loaded, text, [add, double])).rows[0]).toEqual(rows[0]!.map((x) => 2 * Math.fround(x + 1)))
})

test('one head is changed without the others, at every point with heads', async () => {
  const loaded = await model('hub-tied')
  for (const name of ['query', 'key', 'value', 'weights', 'heads']) {
    const point = `${layer}.self_attn.${name}`
    const shape = loaded.points().find((known) => known.name === point)!.shape
    const axis = name === 'heads' ? 2 : 1
    using before = await captured(loaded, text, point)
    const { captured: changed } = await loaded.forward(text, {
      capture: [point],
      interventions: [{ kind: 'scale', point, heads: [1], factor: 3 }],
    })
    using after = changed[point]!
    for (let head = 0; head < shape[axis]!; head++) {
      const [x, y] = await Promise.all(
        [before, after].map(async (t) => [...(await take(await t.select(axis, head))).data]),
      )
      expect(y, `${point} head ${head}`).toEqual(head === 1 ? x!.map((value) => Math.fround(value * 3)) : x)
    }
  }
})

test('pictures are changed by `image`, the rest of the prompt by `text`, and together they are `all`', async () => {
  const loaded = await model('hub-tied')
  const inputs = await inputsOf(loaded.processor, caseNamed('photo'))
  const zero = (positions: 'all' | 'image' | 'text') => ({ kind: 'zero', point: layer, positions }) as const
  const { rows } = await pass(loaded, inputs, [])
  const isPad = inputs.inputIds[0]!.map((id) => id === loaded.config.imageTokenId)
  const none = rows[0]!.map(() => 0)
  expect(isPad).toContain(true)
  expect((await pass(loaded, inputs, [zero('image')])).rows).toEqual(rows.map((row, i) => (isPad[i] ? none : row)))
  expect((await pass(loaded, inputs, [zero('text')])).rows).toEqual(rows.map((row, i) => (isPad[i] ? row : none)))
  expect((await pass(loaded, inputs, [zero('all')])).rows).toEqual(rows.map(() => none))
})

test('blocks of the vision tower can be skipped and what leaves it replaced', async () => {
  const loaded = await model('hub-tied')
  const inputs = await inputsOf(loaded.processor, caseNamed('photo'))
  const skipped = await loaded.forward(inputs, {
    capture: ['visual.blocks.1', 'visual.blocks.1:input'],
    interventions: [{ kind: 'skip', point: 'visual.blocks.1' }],
  })
  const [output, input] = [skipped.captured['visual.blocks.1']!, skipped.captured['visual.blocks.1:input']!]
  expect((await take(output)).data).toEqual((await take(input)).data)
  using merged = await captured(loaded, inputs, 'visual.merger')
  const replace = { kind: 'replace', point: 'visual.merger', tensor: merged } as const
  expect((await pass(loaded, inputs, [replace])).logits).toEqual((await pass(loaded, inputs, [])).logits)
})

test('what is changed in the prefill, in decoding and in the answer are different replies', async () => {
  const loaded = await model('hub-tied')
  const negate = (where: Partial<Intervention>) => [
    { kind: 'scale', point: layer, factor: -1, ...where } as Intervention,
  ]
  const reply = async (where: Partial<Intervention>) =>
    (await loaded.generate(text, { ...greedy, interventions: negate(where) })).tokenIds
  const plain = (await loaded.generate(text, greedy)).tokenIds
  const [prefill, decode, all] = [
    await reply({ steps: 'prefill' }),
    await reply({ steps: 'decode' }),
    await reply({ steps: 'all' }),
  ]
  expect(decode[0]).toBe(plain[0]) // the first token comes of the prefill
  expect(all[0]).toBe(prefill[0])
  expect(new Set([plain, prefill, decode, all].map(String)).size).toBe(4)
  expect(await reply({ positions: 'answer' })).toEqual(decode)
  expect(await reply({ positions: text.inputIds[0]!.map((_, i) => i) })).toEqual(prefill)
})

// A layer that is not computed caches nothing; one that decoding will read must have cached the prompt.
test('a layer skipped in the prefill alone still serves decoding, as one skipped token by token does', async () => {
  const loaded = await model('hub-tied')
  const skip = async (where: Partial<Intervention>) => {
    const interventions = [{ kind: 'skip', point: layer, ...where } as Intervention]
    return (await loaded.generate(text, { ...greedy, interventions })).tokenIds
  }
  const length = text.inputIds[0]!.length
  const span = Array.from({ length }, (_, i) => i)
  expect(await skip({ steps: 'prefill' })).toEqual(await skip({ positions: span }))
  expect(await skip({ steps: 'decode' })).toEqual(await skip({ positions: 'answer' }))
  const everywhere = Array.from({ length: length + greedy.maxNewTokens }, (_, i) => i)
  expect(await skip({})).toEqual(await skip({ positions: everywhere }))
  expect(await skip({ steps: 'prefill' })).not.toEqual(await skip({}))
})

test('points inside a skipped layer are computed when they are captured, and the reply is the same', async () => {
  const loaded = await model('hub-tied')
  const skip: Intervention = { kind: 'skip', point: layer }
  const inside = await loaded.forward(text, { capture: [`${layer}.mlp`], interventions: [skip] })
  expect(Object.keys(inside.captured)).toEqual([`${layer}.mlp`])
  expect([...(await take(inside.logits)).data]).toEqual((await pass(loaded, text, [skip])).logits)
})

test('noise depends on its seed, neither on who else is in the batch nor on when the token is computed', async () => {
  const loaded = await model('hub-tied')
  const noise = (seed: number): Intervention => ({ kind: 'noise', point: layer, standardDeviation: 0.5, seed })
  const alone = await pass(loaded, text, [noise(1)])
  expect(await pass(loaded, text, [noise(1)])).toEqual(alone)
  expect((await pass(loaded, text, [noise(2)])).rows).not.toEqual(alone.rows)

  const ids = { inputIds: [other.inputIds[0]!, text.inputIds[0]!, text.inputIds[0]!.slice(0, 4)] }
  const single = await loaded.generate(text, { ...greedy, interventions: [noise(1)] })
  const batched = await loaded.generateIds(ids, { ...greedy, interventions: [noise(1)] })
  expect(batched[1]).toEqual(single.tokenIds)
  await using batch = loaded.batch()
  const rows = [other, text].map((inputs) => batch.add(inputs, { ...greedy, interventions: [noise(1)] }))
  expect((await rows[1])!.tokenIds).toEqual(single.tokenIds)

  const continued = { inputIds: [[...text.inputIds[0]!, ...single.tokenIds.slice(0, -1)]] }
  const { logits } = await pass(loaded, continued, [noise(1)])
  const last = logits.slice(-loaded.config.vocabSize)
  expect(last.indexOf(Math.max(...last))).toBe(single.tokenIds.at(-1))
})

test('rows of one call are changed each by itself, and a batch changes the rows that asked for it', async () => {
  const loaded = await model('hub-tied')
  const both = { inputIds: [text.inputIds[0]!, other.inputIds[0]!] }
  const skip: Intervention = { kind: 'skip', point: layer }
  const plain = await loaded.generateIds(both, greedy)
  const [, changed] = await loaded.generateIds(both, { ...greedy, interventions: [skip] })
  expect(await loaded.generateIds(both, { ...greedy, interventions: [{ ...skip, rows: [1] }] })).toEqual([
    plain[0],
    changed,
  ])
  await using batch = loaded.batch()
  const replies = await Promise.all([batch.add(text, greedy), batch.add(other, { ...greedy, interventions: [skip] })])
  expect(replies.map(({ tokenIds }) => tokenIds)).toEqual([plain[0], changed])
})

test('an intervention goes through JSON and back, its tensor beside it, and its hash tells meanings apart', async () => {
  using vector = await randn([4], { seed: 3 })
  const given: Intervention = { kind: 'add', point: layer, tensor: vector, positions: [2] }
  const { json, tensors } = await interventionToJson(given)
  expect(json).toEqual({
    kind: 'add',
    point: layer,
    positions: [2],
    steps: 'all',
    rows: 'all',
    heads: 'all',
    tensor: { sha256: Object.keys(tensors)[0], dtype: 'float32', shape: [4] },
  })
  const back = interventionFromJson(JSON.parse(JSON.stringify(json)), tensors)
  expect(back).toMatchObject({ kind: 'add', positions: [2], tensor: vector })
  expect(await interventionHash(back)).toBe(await interventionHash(given))
  expect(await interventionHash({ ...given, positions: [3] })).not.toBe(await interventionHash(given))
  expect(await interventionHash({ kind: 'zero', point: layer })).toBe(
    await interventionHash({ steps: 'all', point: layer, kind: 'zero', rows: 'all' }),
  )
  expect(() => interventionFromJson(json)).toThrow(/Expected a float32 tensor of shape \[4\].*undefined/)
})
