import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { error, messageOf } from '../errors.ts'
import type { Recipe } from '../recipe/index.ts'
import type { Estimate, MergeOptions } from '../surgery/index.ts'
import { type FloatingDtype, floatingDtypes } from '../tensor/dtype.ts'
import { named } from './compare-options.ts'
import { interruption } from './interrupt.ts'
import { integer, jsonOption } from './options.ts'
import { snakeCase } from './snake-case.ts'
import { table } from './table.ts'
import { inMegabytes, openTerminal } from './terminal.ts'

interface MergeCommandOptions {
  recipe?: string
  base?: string
  in?: string
  sft?: string
  rl?: string
  model?: Record<string, string>
  layerCuts?: [number, number]
  dtype?: FloatingDtype
  seed?: number
  hash?: boolean
  dryRun?: boolean
  json?: boolean
  out: string
}

/** `frankentorch merge`: a checkpoint made of others. */
export function mergeCommand(): Command {
  return new Command('merge')
    .description('make a checkpoint of others: layers spliced as in arXiv 2602.12395, or a recipe as for mergekit')
    .argument('[splice]', "such as 'IN early 1/3 + RL late 2/3'")
    .option('--recipe <file>', 'YAML recipe, in place of a splice')
    .option('--base <model>', 'checkpoint that BASE stands for: a directory, or org/name on the Hub')
    .option('--in <model>', 'the same for IN (also SFT, COLDSTART)')
    .option('--sft <model>', 'another word for --in')
    .option('--rl <model>', 'the same for RL (also FINAL)')
    .option('--model <name=model>', 'the same for another name in the recipe; may be repeated', named)
    .option('--layer-cuts <a,b>', 'first layer of the middle and of the late part (default: the thirds)', cuts)
    .addOption(new Option('--dtype <dtype>', 'of the result (default: the first model’s)').choices(floatingDtypes))
    .option('--seed <n>', 'of random methods (default: 0)', integer(0))
    .option('--hash', 'record the SHA-256 of all parameters of every model, which reads them all once more')
    .option('--dry-run', 'say what would be written, and what it takes; write nothing')
    .requiredOption('--out <dir>', 'directory to make')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      "\nExample:\n  $ frankentorch merge 'IN early 1/3 + RL late 2/3' --in IN/ --rl RL/ --out spliced/\nDocs: docs/merge.md, docs/recipes.md",
    )
    .action(merge)
}

async function merge(splice: string | undefined, options: MergeCommandOptions, command: Command): Promise<void> {
  const { recipe: file, model: models, dryRun, json, ...rest } = options
  if ((splice === undefined) === (file === undefined)) command.error('error: expected a splice or --recipe')
  const recipe = splice ?? (await readRecipe(file!))
  const surgery = await import('../surgery/index.ts')
  const given: MergeOptions = { ...rest, models, signal: interruption }
  if (dryRun) {
    const estimate = await surgery.planOf(recipe, given)
    process.stdout.write(`${json ? JSON.stringify(snakeCase(estimate)) : describe(estimate)}\n`)
    return
  }
  const progress = (await openTerminal(command.optsWithGlobals())).progress('megabytes')
  const written = await surgery
    .merge(recipe, { ...given, onProgress: inMegabytes(progress) })
    .finally(() => progress.stop())
  process.stdout.write(`${json ? JSON.stringify(written) : written.directory}\n`)
}

async function readRecipe(file: string): Promise<Recipe> {
  const { parseRecipe } = await import('../recipe/index.ts')
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw error('ERR_RECIPE', `${file} cannot be read: ${messageOf(cause)}`, { cause })
  })
  return parseRecipe(text, file)
}

function describe({ directory, parameters, bytes, memory, seconds, methods }: Estimate): string {
  const gigabytes = (count: number) => `${(count / 1e9).toFixed(2)} GB`
  return [
    `${directory}: ${parameters} parameters, ${gigabytes(bytes)} of weights`,
    `about ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s and ${gigabytes(memory)} of memory`,
    '',
    table([
      ['method', 'parameters', 'size'],
      ...methods.map(({ name, parameters, bytes }) => [name, String(parameters), gigabytes(bytes)]),
    ]),
  ].join('\n')
}

function cuts(text: string): [number, number] {
  const [, a, b] = /^(\d+)[, ](\d+)$/.exec(text.trim()) ?? []
  if (a === undefined) throw new InvalidArgumentError('Expected two layers such as 8,20.')
  return [Number(a), Number(b)]
}
