import { Command, InvalidArgumentError, Option } from 'commander'
import { error } from '../errors.ts'
import type { Accuracy, EvaluateOptions, RepliesSummary } from '../eval/index.ts'
import { interruption } from './interrupt.ts'
import { modelDirectory } from './model.ts'
import { deviceOption, dtypeOption, integer, jsonOption, list } from './options.ts'
import { table } from './table.ts'
import { openTerminal, type Terminal } from './terminal.ts'

interface EvalOptions extends Omit<EvaluateOptions, 'models' | 'signal' | 'onProgress' | 'style'> {
  model?: Record<string, string>
  replies?: string
  setting?: string
  extraction?: string
  prompt?: EvaluateOptions['style']
  out: string
  json?: boolean
}

/** `frankentorch eval`: accuracies on benchmarks, and the metrics M_vis, M_v2r, M_rea. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('ask models the questions of benchmarks and score their replies, or score replies made elsewhere')
    .option('--model <name=dir>', 'checkpoint directory or name on the Hub, under the name it gets; repeatable', named)
    .option('--replies <file>', 'instead: JSONL, JSON or parquet of {id, response}; with several tasks also task')
    .requiredOption('--tasks <names>', `of ${names.join(', ')}; paper and world are six of them each`, list)
    .option(
      '--data <path>',
      "the benchmark's file or folder, a world directory, or a folder with one named after each (default: Hugging Face cache)",
    )
    .addOption(
      new Option(
        '--set <name>',
        'questions of the three metrics (default: world for a world directory, else v2)',
      ).choices(['v1', 'v2', 'world']),
    )
    .option('--split <name>', "of the data (default: the benchmark's first)")
    .option('--samples <n>', 'questions of a task (default: 100 for the metrics, all of a benchmark)', integer(1))
    .option('--seed <n>', 'of the drawing of samples (default: 123)', integer(0))
    .addOption(
      new Option('--prompt <style>', 'how questions are put (default: boxed; data records as they stand)').choices([
        'reasoner',
        'revisual',
        'boxed',
        'plain',
      ]),
    )
    .option('--max-new-tokens <n>', 'longest reply (default: 2048)', integer(1))
    .option('--max-pixels <n>', 'larger images are shrunk to so many pixels (default: 921600)', integer(784))
    .option('--batch <n>', 'conversations that decode together (default: 8)', integer(1))
    .option('--setting <name>', 'with --replies: what the model was shown, where a reply does not say (default: image)')
    .option('--extraction <field>', 'with --replies: field of a reply with its answer extracted elsewhere')
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .requiredOption('--out <dir>', 'directory of the result files; the same command continues there')
    .option('--overwrite', 'replace a run found at --out')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:' +
        '\n  $ frankentorch eval --model IN=checkpoints/in --model RL=checkpoints/rl --tasks world --data world --out scores' +
        '\n  $ frankentorch eval --replies replies.jsonl --tasks mathvision --data MathVision --out scores',
    )
    .action(evaluate)
}

// As in src/eval/tasks.ts; listed here so that help needs none of it.
const names = [
  'mathvista',
  'mathvision',
  'mathverse',
  'math500',
  'gsm8k',
  'generic',
  'm_vis',
  'm_v2r',
  'm_rea',
  'tiny_vista',
  'tiny_vision',
  'tiny_verse',
  'paper',
  'world',
]

/** `NAME=what`, collected. */
function named(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  const name = text.slice(0, at).trim()
  const value = text.slice(at + 1).trim()
  if (at < 1 || !/^\w[\w.+-]*$/.test(name) || value === '')
    throw new InvalidArgumentError('Expected NAME=DIR with a name of letters, digits, . + - and _.')
  if (name in before) throw new InvalidArgumentError(`Expected different names but ${name} comes twice.`)
  return { ...before, [name]: value }
}

async function evaluate({ json, ...options }: EvalOptions, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const answers = await import('../answers/index.ts')
  try {
    const text = await (options.replies === undefined
      ? evaluateModels(options, terminal, json)
      : scoreReplies(options, terminal, json))
    process.stdout.write(`${text}\n`)
  } finally {
    await answers.close()
  }
}

async function evaluateModels(options: Omit<EvalOptions, 'json'>, terminal: Terminal, json?: boolean): Promise<string> {
  const { model, replies: _, setting: __, extraction: ___, prompt: style, ...rest } = options
  if (model === undefined)
    throw error('ERR_INVALID_ARGUMENT', 'Expected --model NAME=DIR or --replies FILE but received neither')
  const { evaluate, detailRows, resultRows } = await import('../eval/index.ts')
  const models: Record<string, string> = {}
  for (const [name, source] of Object.entries(model)) models[name] = await modelDirectory({ model: source })
  const display = terminal.progress('replies')
  const { results, failures } = await evaluate({
    ...rest,
    style,
    models,
    signal: interruption,
    onProgress: display,
  }).finally(() => display.stop())
  if (failures.length > 0) {
    terminal.note(
      `${failures.length} questions failed (${options.out}/failures.jsonl), the first: ${failures[0]!.message}`,
    )
  }
  if (json) return JSON.stringify(results)
  return [table(resultRows(results)), table(detailRows(results)), options.out].join('\n\n')
}

async function scoreReplies(options: Omit<EvalOptions, 'json'>, terminal: Terminal, json?: boolean): Promise<string> {
  const { tasks, data, split, setting, extraction, out, overwrite } = options
  if (options.model !== undefined)
    throw error('ERR_INVALID_ARGUMENT', 'Expected --model or --replies but received both')
  const { scoreTasks } = await import('../eval/index.ts')
  const displays = Object.fromEntries(tasks.map((task) => [task, terminal.progress(task)]))
  try {
    const summaries = await scoreTasks({
      replies: options.replies!,
      tasks,
      data,
      split,
      setting,
      extraction,
      out,
      overwrite,
      signal: interruption,
      onProgress: (task, { done, total }) => {
        displays[task]!({ done, total, failed: 0 })
        if (done === total) displays[task]!.stop()
      },
    })
    return json ? JSON.stringify(summaries) : `${Object.values(summaries).map(describe).join('\n\n')}\n\n${out}`
  } finally {
    for (const display of Object.values(displays)) display.stop()
  }
}

function describe({ task, split, items, missing, overall, breakdowns }: RepliesSummary): string {
  const head = `${task}, ${split}: ${items} questions, ${missing} without a reply`
  if (!overall) return head
  const groups = Object.entries(breakdowns).flatMap(([by, accuracies]) =>
    Object.entries(accuracies).map(([group, accuracy]) => cells(`${by} ${group}`, accuracy)),
  )
  const rows = [['', 'replies', 'correct', '95 %', 'checked', 'unknown'], cells('overall', overall), ...groups]
  const width = Math.max(...rows.map(([name]) => name!.length))
  return `${head}\n\n${table(rows.map(([name, ...rest]) => [name!.padEnd(width), ...rest]))}`
}

function cells(name: string, { total, accuracy, low, high, accuracy_checked, unknown }: Accuracy): string[] {
  const interval = `${percent(low)} – ${percent(high)}`
  return [name, String(total), percent(accuracy), interval, percent(accuracy_checked), String(unknown)]
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`
}
