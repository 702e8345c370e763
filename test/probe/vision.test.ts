import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type VisionPair, vision } from '../../src/probe/index.ts'
import { contents } from '../run/contents.ts'
import { fakeModel } from './fake-model.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-probe-'))
afterAll(() => rmSync(scratch, { recursive: true }))

let count = 0
const freshDirectory = () => join(scratch, `out-${count++}`)

function pair(task: string, target: string, source: string): VisionPair {
  return {
    id: `${task}_${target}`,
    task,
    prompt: 'What is it?',
    targetImage: target,
    sourceImage: source,
    targetAnswer: target,
  }
}

const clean = [pair('counting', 'three', 'ten'), pair('counting', 'four', 'four'), pair('ocr', 'word', 'other')]

/** Writes DIR/<task>/data.jsonl. A string is a line as it stands. */
function dataset(tasks: Record<string, (object | string)[]>): string {
  const directory = mkdtempSync(join(scratch, 'data-'))
  for (const [task, lines] of Object.entries(tasks)) {
    mkdirSync(join(directory, task))
    const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
    writeFileSync(join(directory, task, 'data.jsonl'), `${text}\n`)
  }
  return directory
}

test('the change rate of a layer is the fraction of answers that a swap from it on changes', async () => {
  const { model } = fakeModel({ sees: 2 })
  const { summary } = await vision(model, { pairs: clean })
  expect(summary).toMatchObject({
    tasks: ['counting', 'ocr'],
    layers: [0, 1, 2, 3],
    num_samples: 2,
    failures: 0,
    answered: { counting: 2, ocr: 1 },
    change_rates: { counting: { 0: 0.5, 1: 0.5, 2: 0, 3: 0 }, ocr: { 0: 1, 1: 1, 2: 0, 3: 0 } },
  })
})

test('the result files have the published fields, pairs in order and layers within a pair', async () => {
  const { model } = fakeModel()
  const out = freshDirectory()
  await vision(model, { pairs: clean, layers: [3, 1], out })
  const files = contents(out)
  const records = files['layer_swap_results.jsonl']!.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(Object.keys(records[0]!).slice(0, 8)).toEqual([
    'task',
    'sample_id',
    'layer',
    'original_answer',
    'swapped_answer',
    'answer_changed',
    'target_answer',
    'source_answer',
  ])
  expect(records[0]).toMatchObject({
    task: 'counting',
    sample_id: 'counting_three',
    layer: 1,
    original_answer: 'It is three',
    swapped_answer: 'It is ten',
    answer_changed: true,
    target_answer: 'three',
    source_answer: '',
  })
  expect(records.map((record) => `${record.sample_id} ${record.layer}`)).toEqual([
    'counting_three 1',
    'counting_three 3',
    'counting_four 1',
    'counting_four 3',
    'ocr_word 1',
    'ocr_word 3',
  ])
  expect(JSON.parse(files['layer_swap_summary.json']!).change_rates.ocr).toEqual({ 1: 1, 3: 0 })
  expect(files['layer_swap_plot.svg']).toContain('Answers changed')
  expect(files['layer_swap_plot.png']).toMatch(/^.PNG/)
})

test('a swap is given to the prefill, with compat to every step; resampling only when asked for', async () => {
  const plain = fakeModel()
  await vision(plain.model, { pairs: [clean[0]!], layers: [1] })
  expect(plain.calls.map(({ swap }) => swap && [swap.point, swap.steps, swap.resample])).toEqual([
    undefined,
    ['language_model.layers[1:4]', 'prefill', false],
  ])
  const published = fakeModel()
  await vision(published.model, {
    pairs: [pair('ocr', 'word', 'wide')],
    layers: [0],
    compat: true,
    mismatch: 'resample',
  })
  expect(published.calls[1]!.swap).toMatchObject({ steps: 'all', resample: true })
})

test('a failed pair is recorded with its reason and counted, leaves no tensor, and the next pair is unaffected', async () => {
  const { model, calls, liveTensors } = fakeModel()
  const image = (name: string) => ({ target_image: name, source_image: 'ten', prompt: '<image>How many?' })
  const data = dataset({
    counting: [
      { id: 'a', ...image('broken') },
      '{"id": "b", "target_image": ',
      { id: 'c', target_image: 'three', prompt: 'How many?' },
      { id: 'd', ...image('wide') },
      { id: 'e', ...image('crash') },
      { id: 'f', ...image('three'), meta: { target_answer: '3', source_answer: '10' } },
    ],
    ocr: ['[]'],
  })
  const out = freshDirectory()
  const { summary, records, failures } = await vision(model, { data, out })
  expect(failures.map(({ sample, code }) => [sample, code])).toEqual([
    ['counting/a', 'ERR_IMAGE'],
    ['counting/line 2', 'ERR_DATA'],
    ['counting/line 3', 'ERR_DATA'],
    ['counting/d', 'ERR_GRID_MISMATCH'],
    ['counting/e', null],
    ['ocr/line 1', 'ERR_DATA'],
  ])
  expect(failures[2]!.message).toContain('source_image')
  expect(failures[3]!.message).toContain("a grid of 1 × 4 × 8 patches (time × height × width), the source's 1 × 4 × 4")
  expect(summary).toMatchObject({ failures: 6, num_samples: 6, answered: { counting: 1, ocr: 0 } })
  expect(summary.change_rates).toEqual({
    counting: { 0: 1, 1: 1, 2: 0, 3: 0 },
    ocr: { 0: null, 1: null, 2: null, 3: null },
  })
  expect(new Set(records.map(({ sample_id }) => sample_id))).toEqual(new Set(['f']))
  expect(records[0]).toMatchObject({ original_answer: 'It is three', target_answer: '3', source_answer: '10' })
  expect(calls.filter(({ swap }) => swap === undefined).map(({ image }) => image)).toEqual(['crash', 'three'])
  expect(liveTensors()).toBe(0)
})

test('a probe aborted in the middle continues, and its files are byte-identical', async () => {
  const undisturbed = freshDirectory()
  const { model } = fakeModel()
  await vision(model, { pairs: clean, out: undisturbed })
  const out = freshDirectory()
  const abort = new AbortController()
  const onProgress = ({ done }: { done: number }) => done === 1 && abort.abort()
  await expect(vision(model, { pairs: clean, out, signal: abort.signal, onProgress })).rejects.toMatchObject({
    code: 'ERR_ABORTED',
  })
  expect(readdirSync(out)).not.toContain('layer_swap_summary.json')
  await vision(model, { pairs: clean, out })
  expect(contents(out)).toEqual(contents(undisturbed))
})

test('another image under the same name does not continue a run', async () => {
  const image = join(scratch, 'target.png')
  const pairs = [{ ...clean[0]!, targetImage: image }]
  const { model } = fakeModel()
  const out = freshDirectory()
  writeFileSync(image, 'one')
  await vision(model, { pairs, out })
  writeFileSync(image, 'two')
  await expect(vision(model, { pairs, out })).rejects.toMatchObject({
    code: 'ERR_RUN_MISMATCH',
    message: expect.stringContaining('data.pairs.sha256'),
  })
})

test('tasks and samples choose pairs; a box is written as in the published records', async () => {
  const line = (id: string, meta: object = {}) => ({ id, target_image: 'a', source_image: 'b', prompt: 'p', meta })
  const data = dataset({
    shapes: [line('s0')],
    grounding: [line('g0', { target_bbox_xyxy: [1, 2, 30, 40] }), line('g1')],
    counting: [line('c0', { target_answer: 7 }), line('c1')],
  })
  const { model } = fakeModel()
  const all = await vision(model, { data, samples: 1 })
  expect(all.summary.tasks).toEqual(['counting', 'grounding', 'shapes'])
  expect(all.summary.answered).toEqual({ counting: 1, grounding: 1, shapes: 1 })
  expect(all.records.find(({ task }) => task === 'grounding')!.target_answer).toBe('[1, 2, 30, 40]')
  expect(all.records[0]!.target_answer).toBe('7')
  expect((await vision(model, { data, tasks: ['shapes', 'counting'] })).summary.tasks).toEqual(['shapes', 'counting'])
  await expect(vision(model, { data, tasks: ['ocr'] })).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining("has no task 'ocr' (ocr/data.jsonl): it has"),
  })
})

test.each<[string, object, string]>([
  ['a layer beyond the last', { pairs: clean, layers: [4] }, 'ERR_UNKNOWN_LAYER'],
  ['neither pairs nor data', {}, 'ERR_INVALID_ARGUMENT'],
  ['pairs and data', { pairs: clean, data: 'somewhere' }, 'ERR_INVALID_ARGUMENT'],
  ['a directory that is not there', { data: '/nowhere' }, 'ERR_DATA'],
  ['an option of another probe', { pairs: clean, ablate: 'layer' }, 'ERR_UNKNOWN_OPTION'],
  ['a negative number of samples', { pairs: clean, samples: -1 }, 'ERR_INVALID_ARGUMENT'],
])('%s is refused before anything runs', async (_, options, code) => {
  const { model, calls } = fakeModel()
  await expect(vision(model, options)).rejects.toMatchObject({ code })
  expect(calls).toEqual([])
})

test('boxes are looked for in the pixels of what the model saw, 56 × 56 here', async () => {
  const replies = { here: '[28, 28, 42, 42]', there: '[0, 0, 14, 14]' }
  const { model } = fakeModel({ sees: 1, replies })
  const boxes = { targetAnswer: '[224, 224, 336, 336]', sourceAnswer: '[0, 0, 112, 112]' }
  const iou = async (more: object) => {
    const pairs = [{ ...pair('grounding', 'here', 'there'), ...boxes, ...more }]
    const { records } = await vision(model, { pairs, layers: [0, 1] })
    return records.map(({ iou_target, iou_source, moved_to_source }) => [iou_target, iou_source, moved_to_source])
  }
  expect(await iou({ canvas: [448, 448] })).toEqual([
    [0, 1, true],
    [1, 0, false],
  ])
  expect((await iou({}))[1]).toEqual([0, expect.closeTo(1 / 64, 6), false])
})
