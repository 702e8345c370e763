import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { close } from '../../src/answers/index.ts'
import { type EvalRecord, type EvaluateOptions, evaluate, regrade } from '../../src/eval/index.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { testData } from '../data.ts'
import { scriptedEndpoint, textOf } from '../judge/scripted-endpoint.ts'
import { tiny } from '../native/models.ts'
import { contents } from '../run/contents.ts'
import { math500, mathVision, mathVista } from './generated.ts'
import { type Seen, scripted } from './scripted.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-evaluate-'))
const data = join(scratch, 'data')
mathVision(join(data, 'mathvision'), 20)
mathVista(join(data, 'mathvista'), 20)
math500(join(data, 'math500'), 10)
afterAll(async () => {
  rmSync(scratch, { recursive: true })
  await close()
})

let runs = 0
const freshDirectory = () => join(scratch, `run-${runs++}`)

function records(out: string, model: string, task: string): EvalRecord[] {
  const lines = readFileSync(join(out, model, `${task}.jsonl`), 'utf8').trimEnd()
  return lines.split('\n').map((line) => JSON.parse(line))
}

describe('the tiny checkpoint over 20 items in the layouts of MathVision and MathVista', () => {
  const options: EvaluateOptions = {
    models: { tiny },
    tasks: ['mathvision', 'mathvista'],
    data,
    maxNewTokens: 8,
  }
  const undisturbed = freshDirectory()

  test('every item is asked once and scored by both rules, with everything that decided it in its record', async () => {
    const { results, failures } = await evaluate({ ...options, out: undisturbed })
    expect(failures).toEqual([])
    const { mathvision, mathvista } = results.tiny!
    expect(mathvision).toMatchObject({ samples: 20, population: 20, split: 'test', verdict: 'rule', transitions: null })
    expect(mathvista!.settings.image).toMatchObject({ total: 20 })
    expect(Object.keys(mathvision!.breakdowns)).toEqual(['level', 'subject', 'level/subject'])
    const rows = records(undisturbed, 'tiny', 'mathvision')
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
    expect(Object.keys(rows[0]!)).toEqual([
      ...['id', 'task', 'setting', 'response', 'extracted', 'correct', 'correct_checked', 'method', 'prediction'],
      ...['answer', 'model', 'model_sha256', 'split', 'data_sha256', 'finish_reason', 'prompt_tokens', 'reply_tokens'],
      ...['prompt_sha256', 'dtype', 'device', 'temperature', 'repetition_penalty', 'processor_min_pixels'],
      ...['processor_max_pixels', 'max_new_tokens', 'prompt_style', 'max_pixels'],
    ])
    expect(rows[0]).toMatchObject({ dtype: 'float32', temperature: 0, prompt_style: 'boxed', max_new_tokens: 8 })
    expect(new Set(rows.map(({ prompt_sha256 }) => prompt_sha256)).size).toBe(20)
    const cut = rows.filter(({ finish_reason }) => finish_reason === 'length').length
    expect(mathvision!.settings.image!.truncated).toBe(cut)
    expect(readFileSync(join(undisturbed, 'table.md'), 'utf8')).toMatch(/^\| Model \| MathVision \| MathVista \|\n/)
  })

  test('interrupted again and again and resumed, the files are byte-identical', async () => {
    const out = freshDirectory()
    for (const stopAt of [3, 11, 24, 39]) {
      const controller = new AbortController()
      const onProgress: EvaluateOptions['onProgress'] = ({ stage, done }) => {
        if (stage === 'replies' && done >= stopAt) controller.abort()
      }
      const stopped = evaluate({ ...options, out, signal: controller.signal, onProgress })
      await expect(stopped).rejects.toMatchObject({ code: 'ERR_ABORTED' })
      expect(existsSync(join(out, 'summary.json'))).toBe(false)
    }
    let asked = 0
    await evaluate({ ...options, out, onProgress: ({ stage }) => (stage === 'replies' ? asked++ : 0) })
    expect(asked).toBeLessThan(40)
    expect(contents(out)).toEqual(contents(undisturbed))
  })

  test('replies do not depend on how many decode together', async () => {
    const out = freshDirectory()
    await evaluate({ ...options, out, batch: 1 })
    const replies = (directory: string) =>
      ['mathvision', 'mathvista'].flatMap((task) => records(directory, 'tiny', task).map(({ response }) => response))
    const [alone, together] = [replies(out), replies(undisturbed)]
    const different = alone.filter((response, i) => response !== together[i]).length
    console.log(`replies of ${alone.length} that differ between batches of 1 and of 8 (near-ties): ${different}`)
    expect(different / alone.length).toBeLessThanOrEqual(0.05)
  })

  test('a loaded model replies as its directory does and stays loaded', async () => {
    const model = await VisionLanguageModel.load(tiny)
    const { results } = await evaluate({ ...options, models: { model }, tasks: ['mathvision'], samples: 3 })
    expect(results.model!.mathvision!.samples).toBe(3)
    expect((await model.generate([{ role: 'user', content: 'Hi' }], { maxNewTokens: 2 })).tokenIds).toHaveLength(2)
    await model.dispose()
  })

  test('another question in the same directory is another run', async () => {
    const other = evaluate({ ...options, out: undisturbed, maxNewTokens: 9 })
    await expect(other).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
  })
})

describe('what is shown', () => {
  test.each([
    ['v2', ['0', '2', '4', '6', '8', '10', '12', '14', '16', '18'], ['3', '4', '8', '9']],
    ['v1', ['1', '3', '5', '7', '9', '11', '13', '15', '17', '19'], ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']],
  ] as const)('set %s chooses its questions', async (set, visual, math) => {
    const shown: string[] = []
    const model = scripted(({ text }) => String(shown.push(text)))
    const { results } = await evaluate({ models: { model }, tasks: ['m_vis', 'm_rea'], data, set })
    const numbers = (pattern: RegExp) =>
      [...new Set(shown.flatMap((text) => pattern.exec(text)?.[1] ?? []))].sort((a, b) => Number(a) - Number(b))
    expect(numbers(/How tall is bar (\d+)/)).toEqual(visual)
    expect(numbers(/What is \$(\d+) \+ 1/)).toEqual(math)
    expect(results.model!.m_vis).toMatchObject({ samples: 10, label: 'M_vis', benchmark: 'mathvista' })
  })

  test('a black image has the size of the image; what is larger than the limit is shrunk, sides truncated', async () => {
    const shown: Seen[] = []
    const model = scripted((what) => String(shown.push(what)))
    await evaluate({ models: { model }, tasks: ['m_vis'], data, samples: 2, maxPixels: 1000 })
    // √(1000 / (56 · 56)) · 56 = 31.6
    expect(shown.map(({ image, size }) => `${image} ${size}`).sort()).toEqual([
      'black 31,31',
      'black 31,31',
      'drawn 31,31',
      'drawn 31,31',
    ])
  })

  test('descriptions of a file go before the question; one that lacks some is refused before anything is asked', async () => {
    const descriptions = join(scratch, 'descriptions.jsonl')
    const ids = ['2', '6', '10', '14', '18']
    const write = (of: string[]) =>
      writeFileSync(descriptions, of.map((id) => `${JSON.stringify({ id, description: `Shows ${id}.` })}\n`).join(''))
    const shown: string[] = []
    const model = scripted(({ image, text }) => {
      shown.push(text)
      return image === 'drawn' || text.includes('Shows') ? '\\boxed{B}' : 'C'
    })
    const options = { models: { model }, tasks: ['m_v2r'], data, descriptions }
    write(ids.slice(0, 3))
    await expect(evaluate(options)).rejects.toThrow(/2 of 5 have none: 14, 18\. Give a file of them/)
    expect(shown).toEqual([])
    write(ids)
    const out = freshDirectory()
    const { paperMetrics } = await evaluate({ ...options, out })
    expect(paperMetrics.model).toEqual({ M_vis: null, M_v2r: 1, M_rea: null })
    const described = records(out, 'model', 'm_v2r').filter(({ setting }) => setting === 'black_description')
    expect(described[0]).toMatchObject({ id: '2', description: 'Shows 2.', described_by: 'file' })
    expect(
      shown.filter((text) => text.startsWith('The image shows the following.\n\nShows 2.\n\nHow tall')),
    ).toHaveLength(1)
  })
})

test('a question that cannot be asked is recorded, counted nowhere, and keeps no other from being asked', async () => {
  const broken = mathVision(join(scratch, 'broken'), 4)
  writeFileSync(join(broken, 'images/2.png'), 'not an image')
  const { results, failures } = await evaluate({
    models: { a: scripted(() => '\\boxed{C}') },
    tasks: ['mathvision'],
    data: broken,
  })
  expect(failures).toMatchObject([{ sample: '2', code: 'ERR_IMAGE', file: 'a/replies/mathvision.jsonl' }])
  expect(results.a!.mathvision).toMatchObject({ samples: 4, failed: 1, settings: { image: { total: 3, correct: 2 } } })
})

describe('regrade', () => {
  test('gives every file again without a model; a moved data set too; changed data are refused', async () => {
    const out = freshDirectory()
    const questions = mathVision(join(scratch, 'regrade'), 6)
    await evaluate({
      models: { a: scripted(() => '\\boxed{C}') },
      tasks: ['mathvision'],
      data: questions,
      out,
      samples: 4,
    })
    const before = contents(out)
    for (const file of ['summary.json', 'table.md', 'a/mathvision.jsonl']) writeFileSync(join(out, file), 'lost')
    const { results } = await regrade(out)
    expect(contents(out)).toEqual(before)
    expect(results.a!.mathvision).toMatchObject({ samples: 4, population: 6 })
    rmSync(questions, { recursive: true })
    await expect(regrade(out)).rejects.toMatchObject({ code: 'ERR_DATA' })
    await regrade(out, { data: mathVision(join(scratch, 'moved'), 6) })
    expect(contents(out)).toEqual(before)
    await expect(regrade(out, { data: mathVision(join(scratch, 'other'), 7) })).rejects.toMatchObject({
      code: 'ERR_RUN_MISMATCH',
    })
    await expect(regrade(scratch)).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
  })

  test('with a judge: its verdict counts, its extraction feeds MathVista’s rule, and it is asked once', async () => {
    const out = freshDirectory()
    await evaluate({ models: { a: scripted(() => 'the green one') }, tasks: ['mathvista'], data, out, samples: 6 })
    await using endpoint = await scriptedEndpoint((request, turn) => {
      if (turn === 0) return { status: 429 }
      const text = textOf(request)
      if (text.endsWith('Final answer of the reply:')) return text.includes('Lime') ? 'Lime Green' : 'none'
      return text.includes('Right answer:\nLime Green') ? 'correct' : 'incorrect'
    })
    const judge = { url: endpoint.url }
    const { results } = await regrade(out, { judge })
    const { verdict, result, settings } = results.a!.mathvista!
    const right = records(out, 'a', 'mathvista').filter(({ answer }) => answer === 'Lime Green')
    expect(right.length).toBeGreaterThan(0)
    expect(right[0]).toMatchObject({ extracted: 'Lime Green', correct: true, correct_judged: true, judge: 'scripted' })
    expect(verdict).toBe('judge')
    expect(settings.image).toMatchObject({ correct_judged: right.length })
    expect(result!.value).toBeCloseTo(right.length / 6, 4)
    const asked = endpoint.requests.length
    await regrade(out, { judge })
    expect(endpoint.requests).toHaveLength(asked)
    expect((await regrade(out)).results.a!.mathvista!.verdict).toBe('rule')
  })
})

test('a reply that the judge’s endpoint refuses has no verdict; the others have', async () => {
  await using endpoint = await scriptedEndpoint((request) =>
    textOf(request).includes('tile 1 ') ? { status: 413 } : 'correct',
  )
  const models = { a: scripted(() => '\\boxed{C}') }
  const { results } = await evaluate({ models, tasks: ['mathvision'], data, judge: { url: endpoint.url } })
  expect(results.a!.mathvision).toMatchObject({ samples: 20, failed: 0, verdict: 'judge', result: { value: 0.95 } })
})

test('a model behind an endpoint is asked as a checkpoint is, and a judge describes images for it', async () => {
  await using endpoint = await scriptedEndpoint((request) => {
    const text = textOf(request)
    return text.startsWith('Describe') ? 'A bar.' : text.includes('A bar.') ? 'Verdict: correct' : '\\boxed{B}'
  })
  const out = freshDirectory()
  const options = { models: { far: `${endpoint.url}#big` }, tasks: ['m_v2r'], data, samples: 2, out }
  const { results } = await evaluate({ ...options, judge: { url: endpoint.url } })
  expect(results.far!.m_v2r!.samples).toBe(2)
  const rows = records(out, 'far', 'm_v2r')
  expect(rows[0]).toMatchObject({ endpoint: endpoint.url, endpoint_model: 'big', prompt_tokens: 7, setting: 'image' })
  expect(rows[1]).toMatchObject({ description: 'A bar.', described_by: 'scripted', setting: 'black_description' })
})

test('an endpoint that dies ends the run; it goes on when the endpoint is back', async () => {
  const out = freshDirectory()
  let alive = true
  await using endpoint = await scriptedEndpoint((_, turn) =>
    alive && turn < 5 ? '\\boxed{C}' : alive ? { status: 401 } : 'x',
  )
  const options = { models: { far: endpoint.url }, tasks: ['mathvision'], data, out, batch: 1 }
  await expect(evaluate(options)).rejects.toMatchObject({ code: 'ERR_ENDPOINT' })
  alive = false
  const { results, failures } = await evaluate(options)
  expect(failures).toEqual([])
  expect(results.far!.mathvision!.settings.image!.total).toBe(20)
})

const real = testData('mathvision/testmini.jsonl')

test.skipIf(!real)('200 real MathVision questions with their images', async () => {
  const out = freshDirectory()
  const options = {
    models: { tiny },
    tasks: ['mathvision'],
    data: real!,
    samples: 200,
    maxNewTokens: 4,
    maxPixels: 50_000,
    out,
  }
  const { results, failures } = await evaluate(options)
  expect(failures).toEqual([])
  expect(results.tiny!.mathvision).toMatchObject({ population: 304, samples: 200, failed: 0 })
  expect(new Set(records(out, 'tiny', 'mathvision').map(({ id }) => id)).size).toBe(200)
  console.log(`200 real MathVision questions: ${JSON.stringify(results.tiny!.mathvision!.result)}`)
})
