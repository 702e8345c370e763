import { Command, InvalidArgumentError } from 'commander'
import { type WorldProgress, world } from '../data/world/index.ts'

/** `frankentorch world`: draws the tiny world and writes it to a directory. */
export function worldCommand(): Command {
  return new Command('world')
    .description('draw a tiny world of images with questions, to train and probe on')
    .requiredOption('--out <dir>', 'directory to make')
    .option('--seed <n>', 'the same seed and options give the same files (default: 0)', number)
    .option('--train <n>', 'training samples (default: 4000)', number)
    .option('--test <n>', 'samples held out of training (default: 600)', number)
    .option('--pairs <n>', 'swap pairs of each of the four tasks (default: 50)', number)
    .option('--size <pixels>', 'side of the images, a multiple of 28 (default: 112)', number)
    .option('--max-count <n>', 'most things of a kind to count, 2 to 8 (default: 5)', number)
    .option('--colors <n>', 'how many colors, 2 to 8 (default: 4)', number)
    .option('--shapes <n>', 'how many shapes, 2 to 6 (default: 3)', number)
    .option('--digits <n>', 'digits of a number, 1 to 3 (default: 1)', number)
    .option('--words <n>', 'how many words, 2 to 32 (default: 8)', number)
    .option('--distractors <n>', 'most things not asked about, 0 to 12 (default: 2)', number)
    .option('--jitter <f>', 'how far things stray from their place, 0 to 1 (default: 1)', number)
    .option('--blank <f>', 'share of text questions asked beside a black image, 0 to 1 (default: 0.5)', number)
    .option('--families <names>', 'of perception,vision_to_reasoning,reasoning (default: all)', names)
    .option('--tasks <names>', 'of count,color,shape,… as listed in docs/world.md (default: all)', names)
    .option('--overwrite', 'replace a world found at --out')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  $ frankentorch world --out world --seed 0 --train 4000 --test 600 --pairs 50')
    .action(async ({ json, ...options }) => {
      const result = await world({ ...options, onProgress: showProgress })
      if (json) return console.log(JSON.stringify(result))
      for (const [file, lines] of Object.entries(result.records)) console.log(`${String(lines).padStart(7)}  ${file}`)
      console.log(`${String(result.images).padStart(7)}  images\n${result.out}`)
    })
}

function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('Expected a number.')
  return value
}

function names(text: string): string[] {
  return text.split(',').map((name) => name.trim())
}

function showProgress({ done, total }: WorldProgress): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done}/${total}${done === total ? '\n' : ''}`)
}
