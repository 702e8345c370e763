// A training step and the rollouts of a group against PyTorch eager and transformers on the same checkpoint, batch and freezing, runs interleaved.
//   node scripts/bench.mjs training PYTHON [tiny|mid] [RUNS=5]
// Step: forward, backward, clipping and AdamW of conversations with one image each. Rollouts: 16 replies of 64 tokens to one 384 × 384 image.
// Goals: step 1.2 × at tiny size and 1.0 × at mid size; with vision, projector, embeddings and the early third frozen 1.2 × faster than with nothing frozen at
// mid size; rollouts 5 × at tiny size and 2 × at mid size. It ends with 1 where one is missed.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { initCheckpoint } from '../src/checkpoint/init.ts'
import { disposeInputs, type Inputs } from '../src/model/inputs.ts'
import { VisionLanguageModel } from '../src/model/model.ts'
import type { Message } from '../src/model/processor/messages.ts'
import { native } from '../src/native.ts'
import { conversationRow } from '../src/train/conversation.ts'
import { sft } from '../src/train/losses/index.ts'
import { tinyConfig } from '../src/train/tiny-world/index.ts'
import { createTrainer } from '../src/train/trainer.ts'
import { requireAtLeast } from './machine/bound.ts'
import { midSize } from './shapes/mid-size.ts'

const [python, size = 'tiny', runs = '5'] = process.argv.slice(2)
if (!python || !['tiny', 'mid'].includes(size))
  throw new Error('Expected a Python with torch and transformers, and tiny or mid')
const setting: Setting =
  size === 'tiny'
    ? { config: tinyConfig(320), side: 84, rows: 32, least: { step: 1.2, rollouts: 5 } }
    : { config: midSize, side: 384, rows: 2, least: { step: 1, rollouts: 2, freezing: 1.2 } }
const freezings = {
  nothing: { selectors: [], prefixes: [] },
  'vision, projector, embeddings, early': {
    selectors: ['vision', 'projector', 'embeddings', 'early'],
    prefixes: [
      'visual.',
      'language_model.embed_tokens.',
      ...Array.from(
        { length: Math.floor(Number(setting.config.num_hidden_layers) / 3) },
        (_, layer) => `language_model.layers.${layer}.`,
      ),
    ],
  },
}
interface Setting {
  config: Record<string, unknown>
  /** Of the image of a step, in pixels. */
  side: number
  rows: number
  /** Ratios to reach. */
  least: { step: number; rollouts: number; freezing?: number }
}
interface Timing {
  /** Seconds. */
  ours: number
  theirs: number
}
const replies = 16
const newTokens = 64

const directory = await mkdtemp(join(tmpdir(), 'frankentorch-bench-'))
const checkpoint = join(directory, 'model')
await initCheckpoint({ config: setting.config, out: checkpoint, dtype: 'float32' })
await withoutStop(checkpoint)
// The default of either side: as many threads as there are cores.
const threads = availableParallelism()
await native().setNumThreads(threads)

const timings: Timing[] = []
for (const [name, { selectors, prefixes }] of Object.entries(freezings))
  timings.push(await steps(name, selectors, prefixes))
const drawing = await rollouts()
await rm(directory, { recursive: true })

const [whole, frozen] = timings as [Timing, Timing]
const { step, rollouts: drawn, freezing } = setting.least
requireAtLeast(`${size}: step, ratio`, whole.theirs / whole.ours, step)
requireAtLeast(`${size}: step with some frozen, ratio`, frozen.theirs / frozen.ours, step)
if (freezing) requireAtLeast(`${size}: step with nothing frozen, of that with some`, whole.ours / frozen.ours, freezing)
requireAtLeast(`${size}: rollouts, ratio`, drawing.theirs / drawing.ours, drawn)

async function steps(name: string, selectors: string[], prefixes: string[]): Promise<Timing> {
  const picture = await testPicture(setting.side)
  await using model = await VisionLanguageModel.load(checkpoint, { dtype: 'float32' })
  const conversation: Message[] = [
    ...question(picture),
    { role: 'assistant', content: '<think>3 yellow, 2 red. 3+2=5</think><answer>5</answer>' },
  ]
  const row = await conversationRow(model, conversation)
  const rows = Array.from({ length: setting.rows }, () => row)
  const rival = await startRival(picture, row.inputs, row.targets![0]!)
  await rival.ask({ what: 'freeze', prefixes })
  if (selectors.length > 0) model.freeze(selectors)
  await using trainer = await createTrainer(model)
  const ours = () => trainer.step({ rows }, sft, { lr: 1e-5, maxGradNorm: 1, linear: true })
  const timing = await compare(`step, frozen: ${name}`, ours, () => rival.ask({ what: 'step' }))
  rival.stop()
  disposeInputs(row.inputs)
  return timing
}

async function rollouts(): Promise<Timing> {
  const picture = await testPicture(384)
  await using model = await VisionLanguageModel.load(checkpoint, { dtype: 'float32' })
  const inputs = await model.processor.prepare(question(picture))
  const rival = await startRival(picture, inputs, inputs.inputIds[0]!.length)
  const options = { numReturnSequences: replies, maxNewTokens: newTokens, temperature: 1, repetitionPenalty: 1 }
  const ours = async () => {
    const drawn = (await model.generateIds(inputs, options)).reduce((sum, ids) => sum + ids.length, 0)
    if (drawn !== replies * newTokens) throw new Error(`Expected ${replies * newTokens} tokens but drew ${drawn}`)
  }
  const timing = await compare('rollouts', ours, () => rival.ask({ what: 'rollout', replies, new_tokens: newTokens }))
  rival.stop()
  disposeInputs(inputs)
  return timing
}

function question(picture: string): Message[] {
  const content = [
    { type: 'image' as const, image: picture },
    { type: 'text' as const, text: 'How many are yellow or red?' },
  ]
  return [{ role: 'user', content }]
}

/** Medians of interleaved runs after one of each that does not count. */
async function compare(
  name: string,
  ours: () => Promise<unknown>,
  theirs: () => Promise<Record<string, unknown>>,
): Promise<Timing> {
  const timings: [number[], number[]] = [[], []]
  for (let run = -1; run < Number(runs); run++) {
    const rival = Number((await theirs()).seconds)
    const begun = performance.now()
    await ours()
    if (run < 0) continue
    timings[0].push((performance.now() - begun) / 1000)
    timings[1].push(rival)
  }
  const [a, b] = timings.map(median) as [number, number]
  console.log(
    `${`${size}: ${name}`.padEnd(60)} ours ${a.toFixed(3)} s, rival ${b.toFixed(3)} s: ${(b / a).toFixed(2)} ×`,
  )
  return { ours: a, theirs: b }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

// No token stops a reply, as none stops the rival's.
async function withoutStop(checkpoint: string): Promise<void> {
  const file = join(checkpoint, 'generation_config.json')
  const config = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...config, eos_token_id: [] }))
}

async function testPicture(side: number): Promise<string> {
  const pixels = Buffer.alloc(side * side * 3)
  for (let i = 0; i < pixels.length; i++) pixels[i] = (Math.imul(i, 2654435761) >>> 24) & 0xff
  const file = join(directory, `${side}.png`)
  await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toFile(file)
  return file
}

async function startRival(picture: string, inputs: Inputs, first: number) {
  const script = fileURLToPath(new URL('training.py', import.meta.url))
  const child = spawn(python!, [script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TRANSFORMERS_VERBOSITY: 'error', HF_HUB_OFFLINE: '1' },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (request: object): Promise<Record<string, unknown>> => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error('The rival ended early')
    return JSON.parse(value)
  }
  await ask({ checkpoint, picture, ids: inputs.inputIds[0], first, rows: setting.rows, threads })
  return { ask, stop: () => child.stdin.end() }
}
