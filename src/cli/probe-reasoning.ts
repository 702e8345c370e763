import { Command, Option } from 'commander'
import type { ReasoningOptions, ReasoningResult, ReasoningSummary } from '../probe/index.ts'
import { interruption } from './interrupt.ts'
import { type ModelOptions, withModel } from './model.ts'
import { integer, layersOption, maxMemoryOption, modelOption, withRunOptions } from './options.ts'
import { failureNote } from './probe-vision.ts'
import { table } from './table.ts'
import { openTerminal } from './terminal.ts'

type ProbeOptions = ModelOptions & Omit<ReasoningOptions, 'signal' | 'onProgress'> & { out: string; json?: boolean }

/** `frankentorch probe reasoning`: accuracy without each part of the decoder. */
export function probeReasoningCommand(): Command {
  const command = new Command('reasoning')
    .description('accuracy on reasoning questions without each layer, attention, MLP, head or third of the layers')
    .addOption(modelOption())
    .requiredOption('--data <file>', 'questions and answers')
    .addOption(
      new Option('--dataset <name>', 'how --data is read').choices(['math500', 'gsm8k', 'generic']).default('generic'),
    )
    .addOption(
      new Option('--ablate <what>', 'what is left out, one at a time')
        .choices(['layer', 'attention', 'mlp', 'head', 'block'])
        .default('layer'),
    )
    .addOption(
      new Option('--ablation <how>', 'it contributes nothing, or its mean over tokens of prompts')
        .choices(['zero', 'mean'])
        .default('zero'),
    )
    .option('--mean-samples <n>', 'questions from which means are taken', integer(1), 32)
    .addOption(layersOption())
    .option('--samples <n>', 'questions drawn', integer(1), 100)
    .option('--seed <n>', 'of the draw', integer(0), 123)
    .addOption(
      new Option('--prompt-style <style>', 'how a question is put')
        .choices(['reasoner', 'revisual', 'boxed', 'plain'])
        .default('boxed'),
    )
    .option('--max-new-tokens <n>', 'longest reply', integer(1), 2048)
    .addOption(maxMemoryOption())
  return withRunOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch probe reasoning --model Qwen2.5-VL-3B-Instruct --data gsm8k/test.jsonl --dataset gsm8k --samples 2 --layers 0-1 --out ablation',
    )
    .action(probeReasoning)
}

async function probeReasoning(options: ProbeOptions, command: Command): Promise<void> {
  const { model: _model, device: _device, dtype: _dtype, json, ...rest } = options
  const terminal = await openTerminal(command.optsWithGlobals())
  const progress = terminal.progress('questions')
  const [{ reasoning }, answers] = await Promise.all([import('../probe/index.ts'), import('../answers/index.ts')])
  const result: ReasoningResult = await withModel(command.optsWithGlobals(), (loaded) =>
    reasoning(loaded, { ...rest, signal: interruption, onProgress: progress }),
  ).finally(async () => {
    progress.stop()
    await answers.close()
  })
  process.stdout.write(
    json ? `${JSON.stringify(result.summaries)}\n` : `${accuracyTable(result.summaries)}\n\n${options.out}\n`,
  )
  if (result.failures.length > 0) terminal.note(failureNote(result, options.out, 'questions'))
}

function accuracyTable(summaries: readonly ReasoningSummary[]): string {
  const percent = (value: number | null | undefined) =>
    value === null || value === undefined ? '–' : `${(100 * value).toFixed(1)} %`
  const rows = summaries.map(({ experiment, accuracy, correct, total, interval }) => [
    experiment,
    percent(accuracy),
    `${correct} of ${total}`,
    interval ? `${percent(interval[0])} – ${percent(interval[1])}` : '–',
  ])
  const width = Math.max(...rows.map(([name]) => name!.length))
  return table([['', 'accuracy', 'correct', '95 %'], ...rows].map(([name, ...rest]) => [name!.padEnd(width), ...rest]))
}
