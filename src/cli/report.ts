import { Command } from 'commander'
import type { ReportOptions } from '../report/index.ts'
import { jsonOption } from './options.ts'
import { openTerminal } from './terminal.ts'

/** `frankentorch report`: the page about a run. */
export function reportCommand(): Command {
  return new Command('report')
    .description('write one self-contained HTML page about the runs at and below a directory')
    .argument('<run>', 'directory of a study, or of any runs of probe, compare, eval and train')
    .option('--out <file>', 'the page (default: report.html in the directory)')
    .option('--title <text>', "heading of the page (default: the study's, or the directory's name)")
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch report swap-run')
    .action(writeReport)
}

async function writeReport(run: string, options: ReportOptions & { json?: boolean }, command: Command): Promise<void> {
  const { json, ...rest } = options
  const terminal = await openTerminal(command.optsWithGlobals())
  const { report } = await import('../report/index.ts')
  const { file, bytes, sections } = await report(run, rest)
  process.stdout.write(json ? `${JSON.stringify({ file, bytes, sections })}\n` : `${file}\n`)
  terminal.note(`${(bytes / 1e6).toFixed(1)} MB about ${sections.join(', ')}`)
}
