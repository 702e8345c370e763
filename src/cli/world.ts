import { Command } from 'commander'
import type { WorldOptions, WorldResult } from '../data/world/index.ts'
import { interruption } from './interrupt.ts'
import { integer, jsonOption, list, number } from './options.ts'
import { openTerminal } from './terminal.ts'

/** `frankentorch world`: the tiny world. */
export function worldCommand(): Command {
  const share = number({ min: 0, max: 1 })
  return new Command('world')
    .description('draw a tiny world of images with questions, to train and probe on')
    .requiredOption('--out <dir>', 'directory to make')
    .option('--seed <n>', 'the same seed and options give the same files', integer(0), 0)
    .option('--train <n>', 'training samples', integer(0), 4000)
    .option('--test <n>', 'samples held out of training', integer(0), 600)
    .option('--pairs <n>', 'swap pairs of each of the four tasks', integer(0), 50)
    .option('--size <pixels>', 'side of the images, a multiple of 28 from 84 to 896', integer(84), 112)
    .option('--grid <n>', 'cells of a row and of a column, 3 or 4', integer(3), 4)
    .option('--max-count <n>', 'most things of a kind to count, 2 to 8', integer(2), 5)
    .option('--colors <n>', 'how many colors, 2 to 8', integer(2), 4)
    .option('--shapes <n>', 'how many shapes, 2 to 6', integer(2), 3)
    .option('--digits <n>', 'digits of a number, 1 to 3', integer(1), 1)
    .option('--words <n>', 'how many words, 2 to 32', integer(2), 8)
    .option('--distractors <n>', 'most things not asked about, 0 to 12', integer(0), 2)
    .option('--jitter <f>', 'how far things stray from their place, 0 to 1', share, 1)
    .option('--blank <f>', 'share of text questions asked beside a black image, 0 to 1', share, 0.5)
    .option('--guess <f>', 'share of the replies of train.sft.jsonl that guess, 0 to 1', share, 0)
    .option('--families <names>', 'of perception,vision_to_reasoning,reasoning (default: all)', list)
    .option('--tasks <names>', 'such as count,word,add (default: all; docs/world.md lists them)', list)
    .option('--overwrite', 'replace a world found at --out')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch world --out world --seed 0 --train 4000 --test 600 --pairs 50')
    .action(drawWorld)
}

async function drawWorld({ json, ...options }: WorldOptions & { json?: boolean }, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const progress = terminal.progress('samples')
  const { world } = await import('../data/world/index.ts')
  const result = await world({
    ...options,
    signal: interruption,
    onProgress: ({ done, total }) => progress({ done, total, failed: 0 }),
  }).finally(() => progress.stop())
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : table(result))
}

function table({ out, records, images }: WorldResult): string {
  const rows = [...Object.entries(records), ['images', images] as const]
  return `${rows.map(([file, count]) => `${String(count).padStart(7)}  ${file}\n`).join('')}\n${out}\n`
}
