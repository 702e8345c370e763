import { Command } from 'commander'
import type { Accuracy, RepliesSummary, ScoreTasksOptions } from '../eval/index.ts'
import { interruption } from './interrupt.ts'
import { jsonOption, list } from './options.ts'
import { table } from './table.ts'
import { openTerminal } from './terminal.ts'

/** `frankentorch eval`: accuracies on benchmarks. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('score replies made elsewhere on benchmarks')
    .requiredOption('--replies <file>', 'JSONL, JSON or parquet of {id, response}; with several tasks also task')
    .requiredOption('--tasks <names>', 'of mathvista,mathvision,mathverse,math500,gsm8k,records', list)
    .option(
      '--data <path>',
      "the benchmark's file or folder, or a folder with one named after each task (default: Hugging Face cache)",
    )
    .option('--split <name>', "of the data (default: the benchmark's first)")
    .option('--setting <name>', 'what the model was shown, where a reply does not say', 'image')
    .option('--extraction <field>', 'field of a reply with its answer extracted elsewhere')
    .requiredOption('--out <dir>', 'directory of the result files; with several tasks a folder in it for each')
    .option('--overwrite', 'replace a run found at --out')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch eval --replies replies.jsonl --tasks mathvision --data MathVision --out scores',
    )
    .action(evaluate)
}

type EvalOptions = Omit<ScoreTasksOptions, 'signal' | 'onProgress'> & { json?: boolean }

async function evaluate({ json, ...options }: EvalOptions, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const [{ scoreTasks }, answers] = await Promise.all([import('../eval/index.ts'), import('../answers/index.ts')])
  const displays = Object.fromEntries(options.tasks.map((task) => [task, terminal.progress(task)]))
  try {
    const summaries = await scoreTasks({
      ...options,
      signal: interruption,
      onProgress: (task, { done, total }) => {
        displays[task]!({ done, total, failed: 0 })
        if (done === total) displays[task]!.stop()
      },
    })
    const text = json
      ? JSON.stringify(summaries)
      : `${Object.values(summaries).map(describe).join('\n\n')}\n\n${options.out}`
    process.stdout.write(`${text}\n`)
  } finally {
    for (const display of Object.values(displays)) display.stop()
    await answers.close()
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
