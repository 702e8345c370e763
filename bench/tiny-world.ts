// Base, IN and RL on the tiny world, from nothing, and RL with a third of the decoder frozen: how long it takes and what was learnt, for several seeds.
// Goals (2 cores): Base and IN within 6 minutes reach 60 % on held-out perception and 30 % on vision to reasoning; RL within 2 minutes raises the accuracy reward on
// 500 held-out prompts at temperature 1 by 8 points in the mean of the seeds, by none less than 0. It ends with 1 where one is missed.
//   node scripts/bench.mjs tiny-world [--preset default] [--seeds 0,1,2] [--stages base,in,rl] [--out DIR] [--log bench/logs/tiny-world.md] [--note TEXT]
// In DIR stands what was measured: seeds can be run one by one, and those that are there are not run again.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { close } from '../src/answers/index.ts'
import { type DataRecord, readRecords } from '../src/data/record.ts'
import { disposeInputs } from '../src/model/inputs.ts'
import { VisionLanguageModel } from '../src/model/model.ts'
import { native } from '../src/native.ts'
import { accuracy } from '../src/train/rewards/index.ts'
import { type PresetName, type Stage, stages, tinyWorld } from '../src/train/tiny-world/index.ts'
import { requireAtLeast, requireAtMost } from './machine/bound.ts'

const { values } = parseArgs({
  options: {
    preset: { type: 'string', default: 'default' },
    seeds: { type: 'string', default: '0,1,2' },
    stages: { type: 'string', default: stages.join() },
    out: { type: 'string' },
    log: { type: 'string' },
    /** A sentence about the circumstances, for the log. */
    note: { type: 'string' },
  },
})
const families = ['perception', 'vision_to_reasoning', 'reasoning'] as const
const rewardPrompts = 500
const batchRows = 128
const reward = accuracy()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

interface Line {
  seed: number
  stage: Stage
  /** Of its optimizer steps, by the clock. */
  seconds: number
  /** Share of right greedy answers, by family. */
  greedy: Record<string, number>
  /** Mean accuracy reward at temperature 1. */
  sampled: number
  /** When it was trained, with how many threads, and the load average of the minute after. */
  date: string
  threads: number
  load: number
}

/** Whether the reply to each record is right. */
async function rewards(model: VisionLanguageModel, records: DataRecord[], temperature: number): Promise<number[]> {
  const given: number[] = []
  for (let first = 0; first < records.length; first += batchRows) {
    const part = records.slice(first, first + batchRows)
    const conversations = part.map(({ messages }) => messages)
    const text = conversations.map((messages) =>
      model.processor.applyChatTemplate(messages, { addGenerationPrompt: true }),
    )
    const inputs = await model.processor({ text, ...(await model.processor.processVisionInfo(conversations)) })
    const replies = await model.generateBatch(inputs, { temperature, seed: first, maxNewTokens: 40 })
    disposeInputs(inputs)
    for (const [i, { text, tokenIds, finishReason }] of replies.entries())
      given.push(await reward(part[i]!, { text, tokenIds, finishReason: finishReason === 'stop' ? 'stop' : 'length' }))
  }
  return given
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

async function measured(directory: string, records: DataRecord[]): Promise<Pick<Line, 'greedy' | 'sampled'>> {
  await using model = await VisionLanguageModel.load(directory, { dtype: 'float32' })
  const right = await rewards(model, records, 0)
  const greedy = Object.fromEntries(
    families.map((family) => [family, mean(right.filter((_, i) => records[i]!.family === family))]),
  )
  return { greedy, sampled: mean(await rewards(model, records.slice(0, rewardPrompts), 1)) }
}

async function runSeed(seed: number, out: string): Promise<Line[]> {
  const lines = await readLines(`${out}.json`)
  for (const stage of values.stages.split(',') as Stage[]) {
    const known = lines.find((line) => line.stage === stage)
    const line = known ?? (await runStage(seed, stage, out))
    console.log(row(line))
    if (known) continue
    lines.push(line)
    await writeFile(`${out}.json`, `${JSON.stringify(lines, null, 2)}\n`)
  }
  return lines
}

async function runStage(seed: number, stage: Stage, out: string): Promise<Line> {
  const options = { out, seed, preset: values.preset as PresetName }
  const { world, checkpoints } = await tinyWorld({ ...options, stages: [stage], signal: stop.signal })
  const seconds = await secondsOf(join(out, stage))
  const load = loadavg()[0]!
  const records: DataRecord[] = []
  for await (const record of readRecords(join(world, 'test.jsonl'))) records.push(record)
  const threads = await native().numThreads()
  const circumstances = { date: new Date().toISOString(), threads, load }
  return { seed, stage, seconds, ...circumstances, ...(await measured(checkpoints[stage]!, records)) }
}

// Those of its steps, whatever process made them; a step made again counts as it was the last time.
async function secondsOf(run: string): Promise<number> {
  const lines = (await readFile(join(run, 'timings.jsonl'), 'utf8')).split('\n').filter((line) => line !== '')
  const steps = new Map(
    lines.map((line) => JSON.parse(line) as { step: number; seconds: number }).map((line) => [line.step, line.seconds]),
  )
  return [...steps.values()].reduce((sum, seconds) => sum + seconds, 0)
}

async function readLines(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8').catch(() => '[]')
  return JSON.parse(text) as Line[]
}

const percent = (share: number) => (100 * share).toFixed(1)
const columns = ['seed', 'model', 'seconds', ...families, 'accuracy reward at temperature 1', 'trained', 'load average']
const header = `| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}`
const row = ({ seed, stage, seconds, greedy, sampled, date, load }: Line) =>
  `| ${seed} | ${stage} | ${seconds.toFixed(0)} | ${families.map((family) => percent(greedy[family]!)).join(' | ')} | ${percent(sampled)} | ${date.slice(0, 16)} | ${load.toFixed(1)} |`

/** What the goals speak of; seconds, shares and, for the gain, points. */
interface Outcome {
  coldStartS: number
  perception: number
  visionToReasoning: number
  rlS: number
  gain: number
}

/** Of every seed with Base, IN and RL. */
function outcomesOf(lines: Line[]): Outcome[] {
  return [...new Set(lines.map(({ seed }) => seed))].flatMap((seed) => {
    const of = (stage: Stage) => lines.find((line) => line.seed === seed && line.stage === stage)
    const [base, cold, rl] = [of('base'), of('in'), of('rl')]
    if (!base || !cold || !rl) return []
    return {
      coldStartS: base.seconds + cold.seconds,
      perception: cold.greedy.perception!,
      visionToReasoning: cold.greedy.vision_to_reasoning!,
      rlS: rl.seconds,
      gain: 100 * (rl.sampled - cold.sampled),
    }
  })
}

function verdicts(outcomes: readonly Outcome[]): string[] {
  if (outcomes.length === 0) return []
  const list = (value: (outcome: Outcome) => string) => outcomes.map(value).join(', ')
  const gain = mean(outcomes.map(({ gain }) => gain))
  return [
    `Base and IN together: ${list(({ coldStartS }) => `${coldStartS.toFixed(0)} s`)} (goal ≤ 360)`,
    `IN on held-out perception: ${list(({ perception }) => `${percent(perception)} %`)} (goal ≥ 60)`,
    `IN on held-out vision to reasoning: ${list(({ visionToReasoning }) => `${percent(visionToReasoning)} %`)} (goal ≥ 30)`,
    `RL: ${list(({ rlS }) => `${rlS.toFixed(0)} s`)} (goal ≤ 120)`,
    `Accuracy reward, RL minus IN: ${list(({ gain }) => gain.toFixed(1))}; mean ${gain.toFixed(1)} points (goal ≥ 8, none below 0)`,
  ]
}

function holdToGoals(outcomes: readonly Outcome[]): void {
  if (outcomes.length === 0) return
  for (const { coldStartS, perception, visionToReasoning, rlS, gain } of outcomes) {
    requireAtMost('Base and IN together, seconds', coldStartS, 360)
    requireAtLeast('IN on held-out perception, per cent', 100 * perception, 60)
    requireAtLeast('IN on held-out vision to reasoning, per cent', 100 * visionToReasoning, 30)
    requireAtMost('RL, seconds', rlS, 120)
    requireAtLeast('accuracy reward, RL minus IN, points', gain, 0)
  }
  requireAtLeast('accuracy reward, RL minus IN, mean, points', mean(outcomes.map(({ gain }) => gain)), 8)
}

const root = values.out ?? (await mkdtemp(join(tmpdir(), 'frankentorch-tiny-world-')))
await mkdir(root, { recursive: true })
console.log(header)
const lines: Line[] = []
for (const seed of values.seeds.split(',').map(Number)) lines.push(...(await runSeed(seed, join(root, `seed-${seed}`))))
if (values.out === undefined) await rm(root, { recursive: true })
await close()
const outcomes = outcomesOf(lines)
const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}, ${[...new Set(lines.map(({ threads }) => threads))].join(' or ')} threads`
const text = [
  '# The tiny world, trained from nothing\n',
  `\`node scripts/bench.mjs tiny-world --preset ${values.preset} --seeds ${values.seeds} --stages ${values.stages}\` on ${machine}. Per cent of right greedy answers on held-out questions by family,`,
  `and the mean accuracy reward on ${rewardPrompts} of them at temperature 1. These are models of half a million parameters on drawn images; they say nothing of the paper's.\n`,
  ...(values.note ? [`${values.note}\n`] : []),
  header,
  ...lines.map(row),
  '',
  ...verdicts(outcomes).map((line) => `- ${line}`),
  '',
].join('\n')
console.log(verdicts(outcomes).join('\n'))
if (values.log) {
  await mkdir(dirname(values.log), { recursive: true })
  await writeFile(values.log, text)
}
holdToGoals(outcomes)
