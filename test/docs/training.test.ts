import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import * as frankentorch from '../../src/index.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { examplesOf, printed, promised } from '../page.ts'
import { fixture } from '../processor/fixture.ts'

const directory = temporaryDirectory()

// The pages train a model of one's own on a world of one's own; tiny ones stand in for them.
const inScratch = (options: { data: string; out: string }) => ({
  ...options,
  data: join(directory, options.data),
  out: join(directory, options.out),
})
const { train, VisionLanguageModel } = frankentorch
const api = {
  ...frankentorch,
  VisionLanguageModel: {
    load: (_name: string, options: object) => VisionLanguageModel.load(fixture('models/hub-tied'), options),
  },
  train: {
    ...train,
    sft: (model: never, options: never) => train.sft(model, inScratch(options)),
    grpo: (model: never, options: never) => train.grpo(model, inScratch(options)),
  },
}

beforeAll(async () => {
  await frankentorch.world({ out: join(directory, 'world'), train: 12, test: 0, pairs: 0, size: 84 })
})

const pages = ['training-sft.md', 'training-grpo.md']
test.each(pages.flatMap(examplesOf))('the example beginning with "$name" runs', async ({ code }) => {
  expect(promised(code)).not.toEqual([])
  expect(await printed(code, api as never)).toEqual(promised(code))
})
