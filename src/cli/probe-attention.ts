import { Command } from 'commander'
import type { AttentionMass, AttentionOptions } from '../probe/index.ts'
import { interruption } from './interrupt.ts'
import { type ModelOptions, withModel } from './model.ts'
import { integer, list, modelOption, withRunOptions } from './options.ts'
import { failureNote } from './probe-vision.ts'
import { table } from './table.ts'
import { openTerminal } from './terminal.ts'

type ProbeOptions = ModelOptions &
  Omit<AttentionOptions, 'signal' | 'onProgress' | 'versus'> & { versus?: string; out: string; json?: boolean }

/** `frankentorch probe attention`: attention mass on image tokens, of one model or two. */
export function probeAttentionCommand(): Command {
  const command = new Command('attention')
    .description('how much attention question and reply pay to the image, by layer and head')
    .addOption(modelOption())
    .option('--versus <dir|name>', 'a second checkpoint; reported is its mass less the first one’s')
    .requiredOption('--data <dir>', 'directory with <task>/data.jsonl, of which the target images are used')
    .option('--tasks <names>', 'of those in --data (default: all)', list)
    .option('--samples <n>', 'at most so many lines of a task (default: all)', integer(1))
    .option('--max-new-tokens <n>', 'longest reply', integer(1), 64)
  return withRunOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch probe attention --model Qwen2.5-VL-3B-Instruct --data vision-function --samples 2 --out attention',
    )
    .action(probeAttention)
}

async function probeAttention(options: ProbeOptions, command: Command): Promise<void> {
  const { model: _model, device: _device, dtype: _dtype, versus, json, ...rest } = options
  const models: ModelOptions = command.optsWithGlobals()
  const terminal = await openTerminal(models)
  const progress = terminal.progress('samples')
  const { attention } = await import('../probe/index.ts')
  const probe = { ...rest, signal: interruption, onProgress: progress }
  const result = await withModel(models, (first) =>
    versus === undefined
      ? attention(first, probe)
      : withModel({ ...models, model: versus }, (second) => attention(first, { ...probe, versus: second })),
  ).finally(() => progress.stop())
  process.stdout.write(
    json ? `${JSON.stringify(result.summary)}\n` : `${massTable(result.summary)}\n\n${options.out}\n`,
  )
  if (result.failures.length > 0) terminal.note(failureNote(result, options.out, 'samples'))
}

function massTable({ layers, difference }: AttentionMass): string {
  const percent = (value: number | null | undefined) =>
    value === null || value === undefined ? '–' : `${(100 * value).toFixed(2)} %`
  return table([
    ['layer', 'question', 'generated', ...(difference ? ['Δ question', 'Δ generated'] : [])],
    ...layers.map(({ layer, question, generated }) => [
      String(layer),
      percent(question),
      percent(generated),
      ...(difference ? [percent(difference[layer]?.question), percent(difference[layer]?.generated)] : []),
    ]),
  ])
}
