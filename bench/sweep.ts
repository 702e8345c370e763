// Sweeps over all layers against transformers on the same checkpoint in the same run, one layer after another.
//   node scripts/bench.mjs sweep CHECKPOINT PYTHON [--kind vision|reasoning] [--new-tokens 16] [--rival-layers all|N] [--runs 1]
//                                                      [--questions GSM8K.jsonl] [--dtype bfloat16|float32]
// With --rival-layers N the rival answers for N layers, spread evenly, and its time is scaled to all of them, which is said.
// Goals: vision, mid size, 16 new tokens 10 × (at least 7); 3B, 12 new tokens 20 × (10); reasoning, mid size, 64 new tokens 6 ×.
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { type Intervention, type Message, VisionLanguageModel } from '../src/index.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: 'string', default: 'vision' },
    'new-tokens': { type: 'string' },
    'rival-layers': { type: 'string', default: 'all' },
    runs: { type: 'string', default: '1' },
    /** Of which reasoning asks one a run, from the first: each line's `question`. */
    questions: {
      type: 'string',
      default: process.env.FRANKENTORCH_TEST_DATA && join(process.env.FRANKENTORCH_TEST_DATA, 'gsm8k/test.jsonl'),
    },
    /** float32 tells whether replies differ by more than rounding. */
    dtype: { type: 'string', default: 'bfloat16' },
  },
})
const [checkpoint, python] = positionals
if (!checkpoint || !python) throw new Error('Expected a checkpoint directory and a Python with torch and transformers')
const vision = values.kind === 'vision'
const newTokens = Number(values['new-tokens'] ?? (vision ? 16 : 64))
if (!vision && !values.questions) throw new Error('Expected --questions, a file of GSM8K, or FRANKENTORCH_TEST_DATA')
const questions = vision
  ? ['How many items are there in the image?']
  : (await readFile(values.questions!, 'utf8'))
      .trim()
      .split('\n')
      .map((line): string => JSON.parse(line).question)

const directory = await mkdtemp(join(tmpdir(), 'frankentorch-bench-'))
const [target, source] = await Promise.all([picture(1), picture(2)])
await using model = await VisionLanguageModel.load(await endless(checkpoint), { dtype: values.dtype as 'bfloat16' })
const count = model.config.numHiddenLayers
const layers = Array.from({ length: count }, (_, layer) => layer)
const some =
  values['rival-layers'] === 'all'
    ? layers
    : [
        ...new Set(
          Array.from({ length: Number(values['rival-layers']) }, (_, i) =>
            Math.floor(((i + 0.5) * count) / Number(values['rival-layers'])),
          ),
        ),
      ]

const rival = await startRival()
for (let run = 0; run <= Number(values.runs); run++) {
  const question = questions[Math.max(0, run - 1) % questions.length]!
  const ours = await ourSweep(question)
  if (run === 0) continue // reads pages in and makes primitives
  const theirs = await rival.ask(
    vision
      ? { kind: 'vision', target, source, ids: ours.ids, layers: some, new_tokens: newTokens }
      : { kind: 'reasoning', ids: ours.ids, layers: some, new_tokens: newTokens },
  )
  const whole = vision ? count + 2 : count + 1
  const done = vision ? some.length + 2 : some.length + 1
  const seconds = (theirs.seconds * whole) / done
  const parts = `vision ${ours.visionS.toFixed(2)}, prefill ${ours.prefillS.toFixed(2)}, decode ${ours.decodeS.toFixed(2)}; both images prepared and the source read ${ours.sourceS.toFixed(2)}`
  console.log(`ours  ${ours.seconds.toFixed(2)} s: ${parts}`)
  console.log(
    `rival ${seconds.toFixed(2)} s${done < whole ? ` (scaled from ${theirs.seconds.toFixed(2)} s for ${some.length} of ${count} layers)` : ''}`,
  )
  console.log(
    `${(seconds / ours.seconds).toFixed(1)} × as fast, ${values.kind}, ${count} layers, ${newTokens} new tokens`,
  )
  const same = theirs.replies.map((reply, i) => agreement(reply, ours.replies[i === 0 ? 0 : some[i - 1]! + 1]!))
  const shares = same.map((tokens) => tokens / newTokens)
  // How sure the rival was of the token that ours is without: nearly tied, or not.
  const gaps = same.flatMap((tokens, i) => (tokens < newTokens ? [theirs.gaps[i]![tokens]!] : []))
  console.log(
    `${values.dtype} replies agree in ${(100 * mean(shares)).toFixed(0)} % of their tokens up to the first that differs` +
      (gaps.length > 0
        ? `; there the rival's lead over its second best was ${gaps.map((gap) => gap.toExponential(0)).join(', ')} of its largest logit, against ${mean(theirs.gaps.flat()).toExponential(0)} in the mean of all tokens`
        : ''),
  )
}
rival.stop()
await rm(directory, { recursive: true })

// The checkpoint with replies that no token stops, for exactly as many tokens on both sides.
async function endless(from: string): Promise<string> {
  const view = await mkdtemp(join(directory, 'endless-'))
  for (const name of await readdir(from)) await symlink(resolve(from, name), join(view, name))
  await rm(join(view, 'generation_config.json'), { force: true })
  await writeFile(join(view, 'generation_config.json'), JSON.stringify({ eos_token_id: [] }))
  return view
}

async function ourSweep(question: string) {
  const begun = performance.now()
  const options = { maxNewTokens: newTokens, repetitionPenalty: 1 }
  if (!vision) {
    const inputs = await model.processor.prepare([{ role: 'user', content: question }])
    const configurations = [
      [],
      ...layers.map((layer): Intervention[] => [{ kind: 'skip', point: `language_model.layers.${layer}` }]),
    ]
    const replies = await model.sweep(inputs, configurations, options)
    return { ...timed(begun, replies, 0), ids: inputs.inputIds[0]! }
  }
  const inputs = await model.processor.prepare(messages(target, question))
  const other = await model.processor.prepare(messages(source, question))
  using kept = await model.prefill(other)
  const sourceS = (performance.now() - begun) / 1000
  const swaps = layers.map((layer): Intervention[] => [
    {
      kind: 'swap',
      point: `language_model.layers[${layer}:]`,
      positions: 'image',
      steps: 'prefill',
      source: kept,
    },
  ])
  const replies = await model.sweep(inputs, [[], ...swaps], options)
  for (const { pixelValues } of [inputs, other]) pixelValues?.dispose()
  return { ...timed(begun, replies, sourceS), ids: inputs.inputIds[0]! }
}

function timed(begun: number, replies: Awaited<ReturnType<typeof model.sweep>>, sourceS: number) {
  const { visionS, prefillS, decodeS } = replies[0]!.timings
  return {
    seconds: (performance.now() - begun) / 1000,
    visionS,
    prefillS,
    decodeS,
    sourceS,
    replies: replies.map(({ tokenIds }) => tokenIds),
  }
}

function messages(image: string, question: string): Message[] {
  return [
    {
      role: 'user',
      content: [
        { type: 'image', image },
        { type: 'text', text: question },
      ],
    },
  ]
}

async function picture(seed: number): Promise<string> {
  const [side, channels] = [384, 3] as const
  const pixels = Buffer.from(
    Array.from({ length: side * side * channels }, (_, i) => (i * 7919 * seed + ((i * i) % (250 + seed))) % 256),
  )
  const file = join(directory, `picture-${seed}.png`)
  await writeFile(
    file,
    await sharp(pixels, { raw: { width: side, height: side, channels } })
      .png()
      .toBuffer(),
  )
  return file
}

/** Tokens before the first that differs. */
function agreement(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((token, i) => token !== b[i])
  return differs < 0 ? a.length : differs
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

async function startRival() {
  const script = fileURLToPath(new URL('sweep.py', import.meta.url))
  const child = spawn(python!, [script, checkpoint!, values.dtype], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('The rival ended early; its stderr says why')
    return JSON.parse(value) as { seconds: number; replies: number[][]; gaps: number[][] }
  }
  await next()
  return {
    ask: (request: object) => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return next()
    },
    stop: () => child.stdin.end(),
  }
}
