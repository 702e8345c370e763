import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { world } from '../../src/data/world/index.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { type GrpoOptions, grpo, type SftOptions, sft } from '../../src/train/index.ts'
import { tiny } from '../native/models.ts'
import { temporaryDirectory } from '../native/temporary.ts'

const directory = temporaryDirectory()
const data = () => join(directory, 'world')

beforeAll(async () => {
  await native().setNumThreads(1)
  await world({ out: data(), train: 16, test: 8, pairs: 0, size: 84 })
})

const sftOptions = (): SftOptions => ({
  data: join(data(), 'train.sft.jsonl'),
  eval: join(data(), 'train.base.jsonl'),
  steps: 5,
  batch: 3,
  lr: 1e-3,
  saveSteps: 2,
  freeze: ['vision', 'projector', 'middle'],
  out: '',
})
// Longer is better, and no two are alike.
const grpoOptions = (): GrpoOptions => ({
  data: join(data(), 'train.grpo.jsonl'),
  steps: 4,
  batch: 2,
  group: 2,
  maxNewTokens: 6,
  loss: 'grpo',
  beta: 0.04,
  numIterations: 2,
  lr: 1e-3,
  saveSteps: 3,
  reward: (_, { tokenIds }) => tokenIds.reduce((sum, id) => (sum * 31 + id) % 97, 0),
  out: '',
})

async function trained<Options extends SftOptions | GrpoOptions>(
  train: (model: VisionLanguageModel, options: Options) => Promise<unknown>,
  options: Options,
  dtype?: 'bfloat16',
): Promise<void> {
  await using model = await VisionLanguageModel.load(tiny, { dtype })
  await train(model, options)
}

async function results(out: string): Promise<Buffer[]> {
  const files = [
    'metrics.jsonl',
    'frozen.json',
    'summary.json',
    'last/model.safetensors',
    'best/model.safetensors',
    'last/README.md',
  ]
  return Promise.all(files.map((file) => readFile(join(out, file))))
}

describe.each([
  ['sft', (options: object) => trained(sft, { ...sftOptions(), ...options })],
  ['sft in bfloat16', (options: object) => trained(sft, { ...sftOptions(), lr: 1e-5, ...options }, 'bfloat16')],
  ['grpo', (options: object) => trained(grpo, { ...grpoOptions(), ...options })],
] as const)('a run of %s', (name, run) => {
  test('that was interrupted, and then killed, goes on to the same bytes as an undisturbed one', async () => {
    const [whole, cut] = [join(directory, `${name}-whole`), join(directory, `${name}-cut`)]
    await run({ out: whole })

    for (const step of [1, 3]) {
      const controller = new AbortController()
      const onMetrics = (line: { step: number; loss?: number }) => {
        if (line.step === step && line.loss !== undefined) controller.abort()
      }
      await expect(run({ out: cut, signal: controller.signal, onMetrics })).rejects.toMatchObject({
        code: 'ERR_ABORTED',
      })
      // what a process that died in the next step would have left
      await appendFile(join(cut, 'metrics.jsonl'), '{"step":99,"loss":0}\n{"st')
    }
    const steps: number[] = []
    await run({ out: cut, onMetrics: ({ step }: { step: number }) => steps.push(step) })
    expect(steps[0]).toBe(4)
    expect(await results(cut)).toEqual(await results(whole))

    // A finished run is not run again.
    await run({ out: cut, onMetrics: () => expect.unreachable() })
    await expect(run({ out: cut, seed: 1 })).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
  })
})

test('frozen parameters keep their bytes, proven by hash, and the others move; the result is a whole checkpoint', async () => {
  const out = join(directory, 'frozen')
  await trained(sft, { ...sftOptions(), eval: undefined, steps: 2, out })
  const { identical, parameters } = JSON.parse(await readFile(join(out, 'frozen.json'), 'utf8'))
  expect(identical).toBe(true)
  const [base, last] = [await openCheckpoint(tiny), await openCheckpoint(join(out, 'last'))]
  let [kept, moved] = [0, 0]
  for (const [name, entry] of base.entries) {
    const bytes = async ({ file, begin, end }: typeof entry) => (await readFile(file)).subarray(begin, end)
    const same = (await bytes(entry)).equals(await bytes(last.entries.get(name)!))
    expect(same, name).toBe(name in parameters)
    if (same) kept++
    else moved++
  }
  expect(kept).toBeGreaterThan(20)
  expect(moved).toBeGreaterThan(20)
  const card = await readFile(join(out, 'last/README.md'), 'utf8')
  for (const fact of ['vision, projector, middle', 'train.sft.jsonl', 'hub-tied']) expect(card).toContain(fact)
  await using model = await VisionLanguageModel.load(join(out, 'last'))
  expect((await model.generate([{ role: 'user', content: 'Hi' }], { maxNewTokens: 3 })).tokenIds).toHaveLength(3)
})

describe('says what is wrong with', () => {
  const broken = async (change: (record: Record<string, unknown>) => void, file = 'train.sft.jsonl') => {
    const path = join(data(), `broken-${Math.random()}.jsonl`)
    const [line] = (await readFile(join(data(), file), 'utf8')).split('\n')
    const record = JSON.parse(line!)
    change(record)
    await writeFile(path, JSON.stringify(record))
    return path
  }
  const out = () => join(directory, `out-${Math.random()}`)

  test('a record without an answer, or without a reply', async () => {
    const unanswered = await broken((record) => delete record.answer)
    await expect(trained(grpo, { ...grpoOptions(), data: unanswered, out: out() })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringContaining('answer'),
    })
    const silent = await broken(() => {}, 'train.grpo.jsonl')
    await expect(trained(sft, { ...sftOptions(), data: silent, eval: undefined, out: out() })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/reply.*records train_/s),
    })
  })

  test('a missing image', async () => {
    const path = await broken((record) => {
      record.image = 'images/none.png'
    })
    await expect(trained(sft, { ...sftOptions(), data: path, eval: undefined, out: out() })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringContaining('none.png'),
    })
  })

  test('a model of which nothing is left to train', async () => {
    const freeze = ['visual', 'language_model']
    await expect(trained(sft, { ...sftOptions(), freeze, out: out() })).rejects.toMatchObject({
      code: 'ERR_TRAINING',
      message: expect.stringContaining('frozen'),
    })
  })

  test('trained parameters that get no gradient: a vision tower without images', async () => {
    const path = await broken((record) => {
      record.messages = [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Ho' },
      ]
      delete record.image
    })
    await expect(
      trained(sft, { ...sftOptions(), data: path, eval: undefined, freeze: ['middle'], out: out() }),
    ).rejects.toMatchObject({ code: 'ERR_TRAINING', message: expect.stringMatching(/visual.*freeze vision/s) })
  })

  test('a reward that is not finite: stops, names the record, and keeps the last checkpoint', async () => {
    const where = out()
    let calls = 0
    const reward = () => (++calls > 9 ? Number.NaN : calls)
    await expect(trained(grpo, { ...grpoOptions(), saveSteps: 1, reward, out: where })).rejects.toMatchObject({
      code: 'ERR_TRAINING',
      message: expect.stringMatching(/reward.*train_.*step 3/s),
    })
    await using model = await VisionLanguageModel.load(join(where, 'last'))
    expect(model.parameters().length).toBeGreaterThan(0)
    expect(await readFile(join(where, 'last/README.md'), 'utf8')).toContain('2 of 4')
  })

  test('a loss that is not finite: stops and names the batch', async () => {
    const where = out()
    const options = { ...sftOptions(), eval: undefined, lr: 1e30, warmupSteps: 0, saveSteps: 1, out: where }
    await expect(trained(sft, options)).rejects.toMatchObject({
      code: 'ERR_TRAINING',
      message: expect.stringMatching(/(loss|gradients) is (NaN|-?Infinity).*step 2 \(records train_/s),
    })
    await openCheckpoint(join(where, 'last'))
  })

  test('a directory that cannot be written', async () => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    await expect(trained(sft, { ...sftOptions(), out: join(file, 'run') })).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
    })
  })
})

test('dynamic sampling draws further prompts where all replies are worth the same, and says how many were', async () => {
  const out = join(directory, 'dynamic')
  const reward: GrpoOptions['reward'] = ({ id }, { tokenIds }) => (/00000[13579]$/.test(id) ? 1 : tokenIds[0]!)
  await trained(grpo, {
    ...grpoOptions(),
    loss: 'dapo',
    beta: 0,
    steps: 3,
    dynamicSampling: true,
    overlongCache: 0.5,
    reward,
    out,
  })
  const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines).toHaveLength(3)
  for (const line of lines) expect(line.uniform_groups).toBeLessThan(1)
})
