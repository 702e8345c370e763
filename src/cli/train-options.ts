import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Metrics, Start } from '../train/options.ts'
import type { TrainingResult } from '../train/training-run.ts'
import { interruption } from './interrupt.ts'
import type { ModelOptions } from './model.ts'
import { deviceOption, dtypeOption, integer, jsonOption, list, modelOption, number } from './options.ts'
import { table } from './table.ts'
import { openTerminal } from './terminal.ts'

/** What every kind of training takes; the rest of an action's options are the API's, name by name. */
export type TrainOptions = ModelOptions & { json?: boolean; data: string; out: string; steps?: number }

const between = number({ min: 0, above: true })

/** Adds what both kinds of training have in common. */
export function withTrainOptions(
  command: Command,
  usual: { lr: number | string; batch: number | string; maxGradNorm: number | string },
): Command {
  // A number is a default; words are one that a preset may replace.
  const option = (flags: string, text: string, parse: (text: string) => number, value: number | string) =>
    typeof value === 'number'
      ? new Option(flags, text).argParser(parse).default(value)
      : new Option(flags, `${text} (default: ${value})`).argParser(parse)
  return command
    .addOption(modelOption())
    .requiredOption('--data <file>', 'records: .jsonl, .json or .parquet')
    .option('--eval <file>', 'records that are only measured')
    .option('--eval-steps <n>', 'steps between measurements (default: those between saves)', integer(1))
    .option('--steps <n>', 'optimizer steps', integer(1))
    .option('--epochs <n>', 'or passes over the data (default: 1)', between)
    .addOption(option('--batch <n>', 'records a step', integer(1), usual.batch))
    .addOption(option('--lr <rate>', 'learning rate', between, usual.lr))
    .option('--warmup-steps <n>', 'steps until the learning rate is reached', integer(0))
    .addOption(option('--max-grad-norm <norm>', 'gradients are scaled down to it', between, usual.maxGradNorm))
    .option(
      '--freeze <selectors>',
      'what stays as it is: early, middle, late, vision, projector, embeddings, language_model.layers[9:19], …',
      list,
    )
    .addOption(new Option('--layer-cuts <a,b>', 'first layer of middle and of late (default: thirds)').argParser(cuts))
    .option('--activation-checkpointing', 'less memory, a third more time')
    .option('--tokens-at-once <n>', 'most tokens whose graph is held in memory', integer(1), 8192)
    .option('--seed <n>', 'of the order of the data and of sampling', integer(0), 0)
    .option('--save-steps <n>', 'steps between saves', integer(1), 100)
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .requiredOption('--out <dir>', 'directory of the run; the same command continues there')
    .option('--overwrite', 'replace a run found at --out')
    .addOption(jsonOption())
}

/** Runs a training with its displays: the table before it, a line of progress, what came of it. */
export async function runTraining(
  options: TrainOptions & { quiet?: boolean },
  train: (displays: object) => Promise<TrainingResult>,
): Promise<void> {
  const terminal = await openTerminal(options)
  let latest: Metrics | undefined
  const progress = terminal.progress('steps')
  const result = await train({
    signal: interruption,
    onProgress: progress,
    onMetrics: (metrics: Metrics) => {
      latest = metrics
    },
    onStart: (start: Start) => terminal.note(trainableTable(start)),
  }).finally(() => progress.stop())
  latest ??= result.metrics.at(-1)
  if (options.json) {
    const { steps, best, directory } = result
    return void process.stdout.write(`${JSON.stringify({ steps, best, last: `${directory}/last`, metrics: latest })}\n`)
  }
  process.stdout.write(`${described(latest!)}\n\n${options.out}\n`)
}

/** What is trained and what is frozen, a line a block. */
export function trainableTable({ trainable, done, steps, records }: Start): string {
  const count = (value: number) => value.toLocaleString('en')
  const rows = [...trainable.blocks, { ...trainable, name: 'all' }].map(({ name, trainable, frozen }) => [
    name,
    count(trainable.parameters),
    count(frozen.parameters),
  ])
  const from = done > 0 ? `, ${done} of them done` : ''
  return `${table([['block', 'trained', 'frozen'], ...rows])}\n\n${records} records, ${steps} steps${from}\n`
}

function described(metrics: Metrics): string {
  return table(
    Object.entries(metrics).map(([name, value]) => [
      name,
      Number.isInteger(value) ? String(value) : value.toPrecision(5),
    ]),
  )
}

function cuts(text: string): [number, number] {
  const [, a, b] = /^(\d+)[ ,](\d+)$/.exec(text.trim()) ?? []
  if (a === undefined || Number(a) > Number(b))
    throw new InvalidArgumentError('Expected two ascending layers such as 8,20.')
  return [Number(a), Number(b)]
}

/** The options of an action that the API takes under the same names. */
export function apiOptions<Options extends TrainOptions>({
  model: _m,
  device: _d,
  dtype: _t,
  json: _j,
  quiet: _q,
  ...rest
}: Options) {
  return rest
}
