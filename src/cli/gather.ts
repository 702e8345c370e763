import { Command } from 'commander'
import type { Gathered } from '../probe/index.ts'
import { interruption } from './interrupt.ts'
import { jsonOption } from './options.ts'

/** `frankentorch gather`: the shards of a run as one. */
export function gatherCommand(): Command {
  return new Command('gather')
    .description('put the shards of a probe together, as if it had never been split')
    .argument('<dir...>', 'directories of all shards')
    .requiredOption('--out <dir>', 'directory of the whole')
    .option('--overwrite', 'replace a run found at --out')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch gather swap-1 swap-2 --out swap')
    .action(gatherShards)
}

async function gatherShards(
  directories: string[],
  { json, ...options }: { out: string; overwrite?: boolean; json?: boolean },
): Promise<void> {
  const { gather } = await import('../probe/index.ts')
  const gathered: Gathered = await gather(directories, { ...options, signal: interruption })
  const { command, samples, failures } = gathered
  const text = `${command}: ${samples} samples of ${directories.length} shards, ${failures} failed\n\n${options.out}`
  process.stdout.write(`${json ? JSON.stringify(gathered) : text}\n`)
}
