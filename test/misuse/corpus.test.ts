import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FrankentorchError } from '../../src/errors.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { native } from '../../src/native.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { tiny } from '../native/models.ts'
import { temporaryDirectory } from '../native/temporary.ts'

/** One line of what scripts/corpus.mjs writes. */
interface Case {
  kind: 'checkpoint' | 'checkpoint for an image' | 'image' | 'messages' | 'arguments'
  name: string
  code: string
  /** What the message must name. */
  names: string
  directory: string
  file: string
  messages: Message[]
  call: 'load' | 'generate' | 'forward' | 'visionLayout'
  arguments: unknown[]
}

const corpus = temporaryDirectory()
execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/corpus.mjs', import.meta.url)), corpus])
const cases: Case[] = JSON.parse(readFileSync(join(corpus, 'corpus.json'), 'utf8'))

let model: VisionLanguageModel
beforeAll(async () => {
  await native().setNumThreads(1)
  model = await VisionLanguageModel.load(tiny)
})
afterAll(() => model.dispose())

function ask(model: VisionLanguageModel, image: string): Promise<unknown> {
  return model.generate([{ role: 'user', content: [{ type: 'image', image }] }], { maxNewTokens: 1 })
}

const runs: Record<Case['kind'], (one: Case) => Promise<unknown>> = {
  checkpoint: ({ directory }) => VisionLanguageModel.load(directory),
  async 'checkpoint for an image'({ directory }) {
    await using misfit = await VisionLanguageModel.load(directory)
    await ask(misfit, fileURLToPath(new URL('../fixtures/images/photo.png', import.meta.url)))
  },
  image: ({ file }) => ask(model, file),
  messages: ({ messages }) => model.generate(messages, { maxNewTokens: 1 }),
  async arguments({ call, arguments: given }) {
    if (call === 'load') return VisionLanguageModel.load(tiny, given[0] as object)
    const method = model[call] as (...values: unknown[]) => unknown
    return method.apply(model, given)
  },
}

describe.each(Object.keys(runs) as Case['kind'][])('%s', (kind) => {
  test.each(cases.filter((one) => one.kind === kind))('$name is refused with $code', async (one) => {
    const thrown: unknown = await runs[kind](one).then(
      () => undefined,
      (reason) => reason,
    )
    expect(thrown).toBeInstanceOf(FrankentorchError)
    const { code, message } = thrown as FrankentorchError
    expect(message).toContain(one.names)
    expect(code).toBe(one.code)
  })
})

test('after all of it the model answers, and nothing is left', async () => {
  expect(cases.length).toBeGreaterThan(200)
  expect((await model.generate({ inputIds: [[65]] }, { maxNewTokens: 2 })).tokenIds).toHaveLength(2)
  expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 1 })
})
