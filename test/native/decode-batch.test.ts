import { getEventListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { native } from '../../src/native.ts'

let model: VisionLanguageModel
const options = { maxNewTokens: 16, repetitionPenalty: 1 }
const image = 'test/fixtures/images/photo.png'
const conversations: Message[][] = [
  [{ role: 'user', content: 'How many corners has a square?' }],
  [
    {
      role: 'user',
      content: [
        { type: 'image', image },
        { type: 'text', text: 'Count the shapes.' },
      ],
    },
  ],
  [{ role: 'user', content: 'Say hi.' }],
]

beforeAll(async () => {
  await native().setNumThreads(1)
  model = await VisionLanguageModel.load('test/fixtures/models/v5-sharded')
})
afterAll(() => model.dispose())

function alone(conversation: Message[]) {
  return model.generate(conversation, options).then(({ tokenIds }) => tokenIds)
}

test('rows that join a running batch reply as they would alone', async () => {
  const expected = await Promise.all(conversations.map(alone))
  await using batch = model.batch()
  let second: Promise<number[]> | undefined
  const join = (i: number) => batch.add(conversations[i]!, options).then(({ tokenIds }) => tokenIds)
  let tokens = 0
  const first = batch
    .add(conversations[0]!, {
      ...options,
      onToken: () => {
        // the others join when this one has some tokens behind it
        if (++tokens === 5) second = join(1)
      },
    })
    .then(({ tokenIds }) => tokenIds)
  const third = join(2)
  expect(await first).toEqual(expected[0])
  expect(await second).toEqual(expected[1])
  expect(await third).toEqual(expected[2])
  expect(batch.running).toBe(0)
})

test('a row that leaves keeps what it has, and the others go on', async () => {
  const expected = await alone(conversations[1]!)
  await using batch = model.batch()
  const controller = new AbortController()
  let tokens = 0
  const leaving = batch.add(conversations[0]!, {
    ...options,
    maxNewTokens: 4000,
    signal: controller.signal,
    onToken: () => {
      if (++tokens === 3) controller.abort()
    },
  })
  const staying = batch.add(conversations[1]!, options)
  await expect(leaving).rejects.toMatchObject({ code: 'ERR_ABORTED', reply: { finishReason: 'aborted' } })
  const left = await leaving.catch((thrown) => thrown.reply.tokenIds.length)
  expect(left).toBe(3)
  expect((await staying).tokenIds).toEqual(expected)
})

test('a reply leaves nothing on the signal that might have aborted it', async () => {
  await using batch = model.batch()
  const { signal } = new AbortController()
  await Promise.all([
    batch.add(conversations[0]!, { ...options, signal }),
    batch.add(conversations[1]!, { ...options, signal, numReturnSequences: 2 }),
  ])
  await nextTurn()
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('a swap acts on the row it came with', async () => {
  const target = await model.processor.prepare(conversations[1]!)
  const source = await model.processor.prepare([
    {
      role: 'user',
      content: [
        { type: 'image', image: 'test/fixtures/images/photo-other.png' },
        { type: 'text', text: 'Count the shapes.' },
      ],
    },
  ])
  const capture = ['language_model.layers.*.self_attn.key', 'language_model.layers.*.self_attn.value']
  const { captured, logits, positionIds } = await model.forward(source, { capture })
  const swap = {
    kind: 'swap',
    point: 'language_model.layers[0:]',
    positions: 'image',
    steps: 'prefill',
    source: { inputs: source, keysValues: captured },
  } as const
  const [plain, swapped] = [
    await model.generate(target, options),
    await model.generate(target, { ...options, interventions: [swap] }),
  ]
  expect(swapped.tokenIds).not.toEqual(plain.tokenIds)
  {
    await using batch = model.batch()
    const replies = await Promise.all([
      batch.add(target, options),
      batch.add(target, { ...options, interventions: [swap] }),
      batch.add(target, options),
    ])
    expect(replies.map(({ tokenIds }) => tokenIds)).toEqual([plain.tokenIds, swapped.tokenIds, plain.tokenIds])
  }
  for (const tensor of [logits, positionIds, ...Object.values(captured)]) tensor.dispose()
})

test('a prompt that cannot join is refused alone', async () => {
  await using batch = model.batch()
  const good = batch.add(conversations[2]!, options)
  const bad = batch.add({ inputIds: [[999_999]] }, options)
  await expect(bad).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  expect((await good).tokenIds).toEqual(await alone(conversations[2]!))
})

test('rows beyond maxRows wait, and all are served', async () => {
  const expected = await alone(conversations[0]!)
  await using batch = model.batch({ maxRows: 2 })
  let most = 0
  const onToken = () => {
    most = Math.max(most, batch.running)
  }
  const replies = await Promise.all(
    Array.from({ length: 5 }, () => batch.add(conversations[0]!, { ...options, onToken })),
  )
  expect(replies.map(({ tokenIds }) => tokenIds)).toEqual(Array(5).fill(expected))
  expect(most).toBe(2)
})

test('disposing a batch ends its rows', async () => {
  const batch = model.batch()
  const reply = batch.add(conversations[0]!, { ...options, maxNewTokens: 4000 })
  const ended = expect(reply).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  await batch.dispose()
  await ended
  await expect(batch.add(conversations[0]!, options)).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
})
