import { join } from 'node:path'
import { Command, Option } from 'commander'
import { error } from '../errors.ts'
import type { VisionResult } from '../probe/index.ts'
import { interruption } from './interrupt.ts'
import { type ModelOptions, withModel } from './model.ts'
import { integer, layersOption, list, maxMemoryOption, modelOption, withRunOptions } from './options.ts'
import { changeRateTable } from './table.ts'
import { openTerminal } from './terminal.ts'

type ProbeOptions = ModelOptions & {
  data: string
  tasks?: string[]
  layers: 'all' | number[]
  samples?: number
  mode: 'from' | 'only' | `window:${number}`
  tensors: 'kv' | 'k' | 'v'
  maxNewTokens: number
  maxMemory?: number
  shard?: { index: number; count: number }
  compat?: boolean
  mismatch: 'throw' | 'resample'
  out: string
  overwrite?: boolean
  json?: boolean
}

/** `frankentorch probe vision`: the visual-token swap. */
export function probeVisionCommand(): Command {
  const command = new Command('vision')
    .description('how often the answer changes when the image is swapped from a layer on (visual-token swap)')
    .addOption(modelOption())
    .requiredOption('--data <dir>', 'directory with <task>/data.jsonl')
    .option('--tasks <names>', 'of those in --data (default: all)', list)
    .addOption(layersOption())
    .option(
      '--mode <mode>',
      'swap from each layer on (from), in it alone (only), or in k layers from it (window:k)',
      'from',
    )
    .addOption(
      new Option('--tensors <which>', 'swap keys and values, or one of them').choices(['kv', 'k', 'v']).default('kv'),
    )
    .option('--samples <n>', 'at most so many pairs of a task (default: all)', integer(1))
    .option('--max-new-tokens <n>', 'longest answer', integer(1), 64)
    .option('--compat', 'as the published code: the swap recurs at every decoding step')
    .addOption(
      new Option('--mismatch <what>', 'images of unequal size: fail that pair, or resample the tokens of the source')
        .choices(['throw', 'resample'])
        .default('throw'),
    )
    .addOption(maxMemoryOption())
  return withRunOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch probe vision --model Qwen2.5-VL-3B-Instruct --data vision-function --samples 2 --layers 0-1 --out swap',
    )
    .action(probeVision)
}

async function probeVision(options: ProbeOptions, command: Command): Promise<void> {
  const { model: _model, device: _device, dtype: _dtype, json, ...rest } = options
  const terminal = await openTerminal(command.optsWithGlobals())
  const progress = terminal.progress('pairs')
  const { vision } = await import('../probe/index.ts')
  const result = await withModel(command.optsWithGlobals(), (loaded) =>
    vision(loaded, { ...rest, signal: interruption, onProgress: progress }),
  ).finally(() => progress.stop())
  if (json) process.stdout.write(`${JSON.stringify(result.summary)}\n`)
  else process.stdout.write(`${changeRateTable(result.summary)}\n\n${options.out}\n`)
  if (result.failures.length > 0) terminal.note(failureNote(result, options.out))
}

/** What to say of samples that failed, `pairs` for one. Throws `ERR_DATA` when none was answered. */
export function failureNote(
  { failures, records }: Pick<VisionResult, 'failures'> & { records: readonly unknown[] },
  out: string,
  samples = 'pairs',
): string {
  const place = join(out, 'failures.jsonl')
  const first = `the first: ${failures[0]!.message}`
  if (records.length === 0)
    throw error('ERR_DATA', `None of ${failures.length} ${samples} could be answered (${place}), ${first}`)
  return `${failures.length} ${samples} failed (${place}), ${first}`
}
