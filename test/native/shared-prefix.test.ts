import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Intervention } from '../../src/model/interventions.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { native } from '../../src/native.ts'

let model: VisionLanguageModel
const conversations: Message[][] = [
  [
    {
      role: 'user',
      content: [
        { type: 'image', image: 'test/fixtures/images/photo.png' },
        { type: 'text', text: 'Count the shapes.' },
      ],
    },
  ],
  [{ role: 'user', content: 'How many corners has a square?' }],
  [{ role: 'user', content: 'How many corners has a circle?' }],
]
const sampling = { maxNewTokens: 24, temperature: 1.5, topP: 0.9, seed: 11, repetitionPenalty: 1.1 }

beforeAll(async () => {
  await native().setNumThreads(1)
  model = await VisionLanguageModel.load('test/fixtures/models/hub-tied')
})
afterAll(() => model.dispose())

test('several replies to a prompt are those of as many rows with the same seeds', async () => {
  const [prompt] = conversations
  const inputs = await model.processor.prepare(prompt!)
  const together = await model.generateIds(inputs, { ...sampling, numReturnSequences: 5 })
  const apart: number[][] = []
  for (let reply = 0; reply < 5; reply++)
    apart.push((await model.generate(inputs, { ...sampling, seed: sampling.seed + reply })).tokenIds)
  expect(together).toEqual(apart)
  expect(new Set(apart.map(String)).size).toBe(5)
  inputs.pixelValues!.dispose()
})

test('prompts of equal and unequal lengths fork side by side, and each reply knows its prompt', async () => {
  const options = { ...sampling, numReturnSequences: 3 }
  const inputIds = await Promise.all(
    conversations.slice(1).map(async (prompt) => (await model.processor.prepare(prompt)).inputIds[0]!),
  )
  inputIds.push(inputIds[0]!.slice(3))
  const replies = await model.generateBatch({ inputIds }, options)
  const seeds = inputIds.flatMap((_, prompt) => [0, 1, 2].map((reply) => sampling.seed + 3 * prompt + reply))
  for (const [row, reply] of replies.entries()) {
    const prompt = inputIds[Math.floor(row / 3)]!
    expect(reply.promptTokenIds).toEqual(prompt)
    const alone = await model.generate({ inputIds: [prompt] }, { ...sampling, seed: seeds[row] })
    expect(reply.tokenIds).toEqual(alone.tokenIds)
  }
})

test('an intervention on a prompt acts on every reply to it', async () => {
  const inputIds = await Promise.all(
    conversations.slice(1).map(async (prompt) => (await model.processor.prepare(prompt)).inputIds[0]!),
  )
  const zero: Intervention = { kind: 'zero', point: 'language_model.layers.2.mlp', rows: [1] }
  const replies = await model.generateIds({ inputIds }, { ...sampling, numReturnSequences: 2, interventions: [zero] })
  const alone = (row: number, seed: number) =>
    model.generate(
      { inputIds: [inputIds[row]!] },
      { ...sampling, seed, interventions: row === 1 ? [{ ...zero, rows: 'all' }] : [] },
    )
  for (const [i, reply] of replies.entries())
    expect(reply).toEqual((await alone(Math.floor(i / 2), sampling.seed + i)).tokenIds)
})

test('a running batch takes a prompt with several replies; they keep together and leave one by one', async () => {
  const prompt = conversations[0]!
  await using batch = model.batch({ maxRows: 4 })
  const heard: number[][] = [[], [], []]
  const [single, several, more] = await Promise.all([
    batch.add(conversations[1]!, sampling),
    batch.add(prompt, {
      ...sampling,
      numReturnSequences: 3,
      onToken: (token, reply) => heard[reply]!.push(token),
    }),
    batch.add(conversations[2]!, { ...sampling, numReturnSequences: 6 }), // more than there are places
  ])
  expect(single.tokenIds).toEqual((await model.generate(conversations[1]!, sampling)).tokenIds)
  for (const [reply, { tokenIds }] of several.entries())
    expect(tokenIds).toEqual((await model.generate(prompt, { ...sampling, seed: sampling.seed + reply })).tokenIds)
  expect(heard).toEqual(several.map(({ tokenIds }) => tokenIds))
  expect(more).toHaveLength(6)
})

test('replies that share a prompt end together when aborted', async () => {
  await using batch = model.batch()
  const controller = new AbortController()
  const replies = batch.add(conversations[1]!, {
    ...sampling,
    maxNewTokens: 4000,
    numReturnSequences: 3,
    signal: controller.signal,
    onToken: () => controller.abort(),
  })
  await expect(replies).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  expect(batch.running).toBe(0)
})

test('one reply has no room for several', async () => {
  const several = { ...sampling, numReturnSequences: 2 }
  await expect(model.generate(conversations[1]!, several)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
})

test('replies that stop early leave the others as they are', async () => {
  await using text = await VisionLanguageModel.load('test/fixtures/models/qwen2-text')
  const inputIds = await Promise.all(
    conversations.slice(1).map(async (prompt) => (await text.processor.prepare(prompt)).inputIds[0]!),
  )
  const options = { ...sampling, maxNewTokens: 40 }
  const replies = await text.generateIds({ inputIds }, { ...options, numReturnSequences: 6 })
  expect(new Set(replies.map(({ length }) => length)).size).toBeGreaterThan(2)
  for (const [row, reply] of replies.entries()) {
    const alone = { ...options, seed: options.seed + row }
    expect(reply).toEqual((await text.generateIds({ inputIds: [inputIds[Math.floor(row / 6)]!] }, alone))[0])
  }
})
