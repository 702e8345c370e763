import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { close } from '../../src/answers/index.ts'
import { world } from '../../src/data/world/index.ts'
import { type EvalRecord, evaluate } from '../../src/eval/index.ts'
import { sampleIds } from '../../src/statistics/index.ts'
import { tiny } from '../native/models.ts'
import { type Seen, scripted } from './scripted.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-eval-world-'))
const data = join(scratch, 'world')
beforeAll(() => world({ out: data, train: 0, test: 60, pairs: 0 }))
afterAll(async () => {
  rmSync(scratch, { recursive: true })
  await close()
})

interface WorldLine {
  id: string
  family: string
  answer: string
  description?: string
  messages: { content: { text?: string }[] }[]
}
const lines = () =>
  readFileSync(join(data, 'test.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as WorldLine)

/** A world of questions named after the transition they make: `TF 3` is answered rightly with the image and wrongly without. */
function transitionWorld(cases: Record<string, Record<string, number>>): string {
  const directory = mkdtempSync(join(scratch, 'cases-'))
  const image = join(data, 'images', readdirSync(join(data, 'images'))[0]!)
  const records = Object.entries(cases).flatMap(([family, counts]) =>
    Object.entries(counts).flatMap(([name, count]) =>
      Array.from({ length: count }, (_, i) => {
        const text = { type: 'text', text: `${name} ${i}` }
        const content = family === 'reasoning' ? [text] : [{ type: 'image', image }, text]
        const messages = [{ role: 'user', content }]
        return { id: `${family} ${name} ${i}`, family, answer: 'yes', description: 'words', messages }
      }),
    ),
  )
  writeFileSync(join(directory, 'test.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  writeFileSync(join(directory, 'world.json'), '{}')
  return directory
}

test('M_vis, M_v2r and M_rea over scripted replies are what they are by hand, in every transition case', async () => {
  const paired = { TT: 1, TF: 2, FT: 3, FF: 4 }
  const cases = transitionWorld({ perception: paired, vision_to_reasoning: paired, reasoning: { T: 3, F: 1 } })
  const model = scripted(({ image, text }) => {
    const [, first, second = first] = /([TF])([TF]?) \d+$/.exec(text)!
    return (image === 'black' ? second || first : first) === 'T' ? 'Yes.' : 'no'
  })
  const { results, paperMetrics } = await evaluate({
    models: { model },
    tasks: ['m_vis', 'm_v2r', 'm_rea'],
    data: cases,
  })
  expect(paperMetrics.model).toEqual({ M_vis: 0.2, M_v2r: 0.1, M_rea: 0.75 })
  const counts = { ...paired, net_gain: 1, side_effect_rate: 0.6667, lift_rate: 0.4286 }
  expect(results.model!.m_vis).toMatchObject({ transitions: counts, samples: 10 })
  expect(results.model!.m_vis!.settings.image).toMatchObject({ total: 10, correct: 3, accuracy: 0.3 })
  expect(results.model!.m_vis!.settings.black).toMatchObject({ total: 10, correct: 4, accuracy: 0.4 })
  expect(results.model!.m_v2r!.transitions).toEqual(counts)
  expect(results.model!.m_rea).toMatchObject({ transitions: null, result: { value: 0.75 } })
})

test('each metric asks its family in its settings, with the paper’s sample ids', async () => {
  const shown: Omit<Seen, 'size'>[] = []
  const model = scripted(({ image, text }) => {
    shown.push({ image, text })
    return '3'
  })
  const { results } = await evaluate({
    models: { model },
    tasks: ['m_vis', 'm_v2r', 'm_rea'],
    data,
    samples: 4,
    seed: 123,
  })
  const family = (name: string) => lines().filter((line) => line.family === name)
  const chosen = (name: string) => sampleIds(20, 4, 123).map((i) => family(name)[i]!)
  const prompt = (line: WorldLine) => line.messages[0]!.content.at(-1)!.text!
  const sorted = (values: object[]) => values.map((value) => JSON.stringify(value)).sort()
  expect(sorted(shown)).toEqual(
    sorted([
      ...chosen('perception').flatMap((line) => [
        { image: 'drawn', text: prompt(line) },
        { image: 'black', text: prompt(line) },
      ]),
      ...chosen('vision_to_reasoning').flatMap((line) => [
        { image: 'drawn', text: prompt(line) },
        { image: 'black', text: `${line.description}. ${prompt(line)}` },
      ]),
      ...chosen('reasoning').map((line) => ({ image: 'none', text: prompt(line) })),
    ]),
  )
  expect(results.model!.m_vis).toMatchObject({ population: 20, samples: 4, failed: 0, benchmark: 'generic' })
  expect(Object.keys(results.model!.m_v2r!.settings)).toEqual(['image', 'black_description'])
})

test('the tiny checkpoint answers the six tasks of the world, and equal questions are asked once', async () => {
  const out = join(scratch, 'tiny')
  const options = { models: { tiny }, tasks: ['world'], data, samples: 6, maxNewTokens: 4, out }
  const { results, paperMetrics, failures } = await evaluate(options)
  expect(failures).toEqual([])
  expect(Object.keys(results.tiny!)).toEqual(['m_vis', 'm_v2r', 'm_rea', 'tiny_vista', 'tiny_vision', 'tiny_verse'])
  expect(Object.values(results.tiny!).map(({ samples }) => samples)).toEqual([6, 6, 6, 6, 6, 6])
  expect(JSON.parse(readFileSync(join(out, 'paper_metrics.json'), 'utf8'))).toEqual(paperMetrics)
  const records = (task: string) =>
    readFileSync(join(out, `tiny/${task}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as EvalRecord)
  // the same question with the same image, asked by two tasks
  const vision = records('tiny_vision').map(({ response }) => response)
  expect(
    records('m_v2r')
      .filter(({ setting }) => setting === 'image')
      .map(({ response }) => response),
  ).toEqual(vision)
  expect(records('tiny_verse')).toHaveLength(18)
  expect(records('tiny_verse')[0]).toMatchObject({
    setting: 'description',
    max_new_tokens: 4,
    dtype: 'float32',
    model: 'tiny',
  })
})
