import { Command } from 'commander'
import type { Difference, DiffResult } from '../compare/index.ts'
import { exitCodes } from './failure.ts'
import { interruption } from './interrupt.ts'
import { modelDirectory } from './model.ts'
import { jsonOption } from './options.ts'
import { table } from './table.ts'
import { inMegabytes, openTerminal } from './terminal.ts'

/** `frankentorch diff`: which parameters of two checkpoints differ. Exit 1 if any do. */
export function diffCommand(): Command {
  return new Command('diff')
    .description('which parameters of two checkpoints differ, and by how much; exit 1 if any do')
    .argument('<a>', 'checkpoint directory, or org/name[@revision] on the Hugging Face Hub')
    .argument('<b>', 'the other')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch diff IN/ RL/')
    .action(diff)
}

async function diff(a: string, b: string, { json }: { json?: boolean }, command: Command): Promise<void> {
  const { quiet } = command.optsWithGlobals<{ quiet?: boolean }>()
  const [one, other] = [await modelDirectory({ model: a, quiet }), await modelDirectory({ model: b, quiet })]
  const progress = (await openTerminal({ quiet })).progress('megabytes')
  const compare = await import('../compare/index.ts')
  const result = await compare
    .diff(one, other, { signal: interruption, onProgress: inMegabytes(progress) })
    .finally(() => progress.stop())
  process.stdout.write(`${json ? JSON.stringify(result) : describe(result)}\n`)
  if (result.differences.length > 0) process.exitCode = exitCodes.failed
}

function describe({ parameters, differences }: DiffResult): string {
  if (differences.length === 0) return `all ${parameters} parameters are equal`
  const names = new Set(differences.map(({ name }) => name))
  return [
    table([['parameter', 'changed', 'largest change', 'relative norm'], ...differences.map(row)]),
    '',
    `${names.size} of ${parameters} parameters differ`,
  ].join('\n')
}

function row(difference: Difference): string[] {
  if (difference.kind !== 'values')
    return [difference.name, `${difference.kind}: ${difference.a}, ${difference.b}`, '', '']
  const { name, changed, elements, max_abs, relative_norm } = difference
  const number = (value: number | null) => (value === null ? 'not finite' : value.toPrecision(4))
  return [name, `${((100 * changed) / elements).toFixed(2)} %`, number(max_abs), number(relative_norm)]
}
