import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { close } from '../../src/answers/index.ts'
import { evaluate } from '../../src/eval/index.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { type ModelServer, serve } from '../../src/serve/index.ts'
import { tiny } from '../native/models.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { fixture } from '../processor/fixture.ts'

const out = temporaryDirectory()
let model: VisionLanguageModel
let server: ModelServer
beforeAll(async () => {
  await native().setNumThreads(1)
  model = await VisionLanguageModel.load(tiny)
  server = await serve(model, { port: 0, name: 'local' })
})
afterAll(async () => {
  await server.close()
  await model.dispose()
  await close()
})

test('a model served here describes images and judges replies for eval, and can be what is evaluated', async () => {
  const options = {
    models: { direct: tiny, served: `${server.url}#local` },
    tasks: ['m_v2r'],
    set: 'v1' as const,
    data: fixture('data/mathvista'),
    samples: 2,
    maxNewTokens: 8,
    judge: { url: server.url, model: 'local' },
    out,
  }
  const { results, failures } = await evaluate(options)
  expect(failures).toEqual([])
  const lines = (name: string) =>
    readFileSync(join(out, name, 'm_v2r.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  for (const name of ['direct', 'served']) {
    expect(results[name]!.m_v2r!.verdict).toBe('judge')
    for (const record of lines(name)) expect(record).toHaveProperty('correct_judged')
  }
  // the server is the same model, so the replies are the same
  const replies = (name: string) => lines(name).map(({ id, setting, response }) => ({ id, setting, response }))
  expect(replies('served')).toEqual(replies('direct'))
}, 60_000)
