import { Command, InvalidArgumentError } from 'commander'
import type { StudyProgress, StudyResult } from '../study/index.ts'
import { interruption } from './interrupt.ts'
import { jsonOption } from './options.ts'
import { openTerminal, type Terminal } from './terminal.ts'

interface Options {
  out: string
  shard?: [number, number]
  overwrite?: boolean
  json?: boolean
}

/** `frankentorch study`: the whole analysis over checkpoints. */
export function studyCommand(): Command {
  return new Command('study')
    .description('the whole analysis over checkpoints: localization, comparison, splices, evaluation, report')
    .argument('<study>', 'YAML file: models, data and what to do (docs/study.md)')
    .requiredOption('--out <dir>', 'directory of everything; the same command continues there')
    .option('--shard <i/n>', 'do only every n-th part, beginning with the i-th; then once more without', shard)
    .option('--overwrite', 'replace a study found at --out')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch study study.yaml --out study-run')
    .action(runStudy)
}

async function runStudy(file: string, { json, ...options }: Options, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const [{ readStudy, study }, answers] = await Promise.all([
    import('../study/index.ts'),
    import('../answers/index.ts'),
  ])
  const display = studyDisplay(terminal)
  try {
    const result = await study(await readStudy(file), { ...options, signal: interruption, onProgress: display.show })
    display.stop()
    await printStudy(result, options.out, json)
  } finally {
    display.stop()
    await answers.close()
  }
}

/** Names each item on a line of its own, and shows how far the whole is. */
export function studyDisplay(terminal: Terminal) {
  let item = 0
  let display = terminal.progress('study')
  return {
    show(progress: StudyProgress) {
      if (progress.item !== item) {
        item = progress.item
        display.stop()
        display = terminal.progress(`[${item}/${progress.items}] ${progress.label}, whole`)
      }
      const done = Math.floor(progress.fraction * 100)
      display({ done, total: 100, failed: 0, remainingS: progress.remainingS })
    },
    stop: () => display.stop(),
  }
}

/** The paper's tables for the models of a finished study, and where its page lies. */
export async function printStudy(
  { report, ...counts }: StudyResult,
  out: string,
  json: boolean | undefined,
): Promise<void> {
  if (json) return void process.stdout.write(`${JSON.stringify({ ...counts, out, report: report?.file ?? null })}\n`)
  if (!report) return void process.stdout.write(`${counts.done} parts done, ${counts.left} left to other shards\n`)
  const { resultTables } = await import('../report/index.ts')
  process.stdout.write(`${await resultTables(out)}${report.file}\n`)
}

function shard(text: string): [number, number] {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  const [i, n] = [Number(index), Number(count)]
  if (i >= 1 && i <= n) return [i, n]
  throw new InvalidArgumentError('Expected i/n with 1 ≤ i ≤ n, such as 1/2.')
}
