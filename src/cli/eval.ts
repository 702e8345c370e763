import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { error } from '../errors.ts'
import type { EvaluateOptions, Evaluation } from '../eval/index.ts'
import { type RepliesOptions, repliesSummaries } from './eval-replies.ts'
import { interruption } from './interrupt.ts'
import { modelDirectory } from './model.ts'
import { deviceOption, dtypeOption, integer, jsonOption, list } from './options.ts'
import { table } from './table.ts'
import { inMegabytes, openTerminal, type Terminal } from './terminal.ts'

type Modes = 'model' | 'replies' | 'regrade'
type EvalOptions = Omit<EvaluateOptions, 'models' | 'tasks' | 'judge' | 'style'> & {
  model?: Record<string, string>
  regrade?: string
  tasks?: string[]
  prompt?: EvaluateOptions['style']
  base?: string
  in?: string
  rl?: string
  judgeUrl?: string
  judgeModel?: string
  judgeCache?: string
  json?: boolean
} & Partial<RepliesOptions>

/** `frankentorch eval`: accuracies on benchmarks, and the metrics M_vis, M_v2r, M_rea. */
export function evalCommand(): Command {
  const only = (mode: Modes, option: Option) =>
    option.conflicts((['model', 'replies', 'regrade'] as const).filter((other) => other !== mode))
  return new Command('eval')
    .description('ask models the questions of benchmarks and score their replies')
    .addOption(
      only(
        'model',
        new Option(
          '--model <name=model>',
          "checkpoint directory, name on the Hub, splice ('IN early 1/3 + RL late 2/3'), or endpoint (http://host/v1#model), under the name it gets; repeatable",
        ).argParser(named),
      ),
    )
    .option('--base <model>', 'checkpoint that BASE stands for in a splice')
    .option('--in <model>', 'the same for IN')
    .option('--rl <model>', 'the same for RL')
    .addOption(
      only(
        'replies',
        new Option(
          '--replies <file>',
          'instead: score replies made elsewhere: JSONL, JSON or parquet of {id, response}',
        ),
      ),
    )
    .addOption(only('regrade', new Option('--regrade <dir>', 'instead: score the replies of an earlier run again')))
    .option('--tasks <names>', `of ${taskNames.join(', ')}; paper and world are six of them each`, list)
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
    .option(
      '--batch <n>',
      'conversations that decode together, requests at once to an endpoint (default: 8)',
      integer(1),
    )
    .option('--descriptions <file>', 'JSONL, JSON or parquet of {id, description} for M_v2r, where the data have none')
    .option(
      '--judge-url <url>',
      'OpenAI-compatible endpoint that describes images and judges replies; key: OPENAI_API_KEY',
    )
    .option('--judge-model <name>', 'its model (default: the first it lists)')
    .option('--judge-cache <dir>', 'where its replies are kept (default: judge in --out)')
    .option('--setting <name>', 'with --replies: what the model was shown, where a reply does not say (default: image)')
    .option('--extraction <field>', 'with --replies: field of a reply with its answer extracted elsewhere')
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .option('--out <dir>', 'directory of the result files; the same command continues there')
    .option('--overwrite', 'replace a run found at --out')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:' +
        '\n  $ frankentorch eval --model IN=in/ --model RL=rl/ --tasks world --data world --out scores' +
        '\n  $ frankentorch eval --replies replies.jsonl --tasks mathvision --data MathVision --out scores' +
        '\n  $ frankentorch eval --regrade scores\nDocs: docs/eval.md, docs/judge.md',
    )
    .action(evaluate)
}

// As in src/eval/tasks.ts, which help would have to load: a test holds the two together.
export const taskNames = [
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

/** `NAME=model`, collected. */
function named(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  const [name, model] = [text.slice(0, at).trim(), text.slice(at + 1).trim()]
  if (at < 1 || !/^\w[\w.+-]*$/.test(name) || model === '')
    throw new InvalidArgumentError('Expected NAME=MODEL with a name of letters, digits, . + - and _.')
  if (name in before) throw new InvalidArgumentError(`Expected different names but ${name} comes twice.`)
  return { ...before, [name]: model }
}

async function evaluate(options: EvalOptions, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const answers = await import('../answers/index.ts')
  try {
    process.stdout.write(`${await result(options, terminal)}\n`)
  } finally {
    await answers.close()
  }
}

async function result(options: EvalOptions, terminal: Terminal): Promise<string> {
  const { model, replies, regrade, json } = options
  if (regrade !== undefined) return shown(await regraded(regrade, options, terminal), regrade, terminal, json)
  const tasks = required(options.tasks, '--tasks NAMES')
  const out = required(options.out, '--out DIR')
  if (replies !== undefined) return repliesSummaries({ ...options, replies, tasks, out }, terminal)
  const models = required(model, '--model NAME=DIR, --replies FILE or --regrade DIR')
  return shown(await evaluated({ ...options, tasks, out, model: models }, terminal), out, terminal, json)
}

function required<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw error('ERR_INVALID_ARGUMENT', `Expected ${what} but received nothing`)
  return value
}

async function evaluated(
  options: EvalOptions & { model: Record<string, string>; tasks: string[] },
  terminal: Terminal,
): Promise<Evaluation> {
  const {
    tasks,
    data,
    set,
    split,
    samples,
    seed,
    prompt: style,
    maxNewTokens,
    maxPixels,
    batch,
    descriptions,
  } = options
  const { device, dtype, out, overwrite } = options
  const { evaluate } = await import('../eval/index.ts')
  const models = await directories(options, terminal)
  const display = stages(terminal)
  return evaluate({
    ...{ models, tasks, data, set, split, samples, seed, style, maxNewTokens, maxPixels, batch, descriptions },
    ...{ device, dtype, out, overwrite, judge: judge(options), signal: interruption, onProgress: display.show },
  }).finally(display.stop)
}

/** Splices made, and names on the Hub fetched. */
async function directories(
  { model, base, in: in_, rl, out }: EvalOptions & { model: Record<string, string> },
  terminal: Terminal,
): Promise<Record<string, string>> {
  const { splicedModels } = await import('../study/splices.ts')
  const display = terminal.progress('splicing, megabytes')
  const models = await splicedModels(model, {
    ...{ base, in: in_, rl, out: join(out!, 'splices'), signal: interruption },
    onProgress: (_name, written, total) => inMegabytes(display)(written, total),
  }).finally(() => display.stop())
  for (const [name, source] of Object.entries(models)) {
    if (!/^https?:/i.test(source)) models[name] = await modelDirectory({ model: source })
  }
  return models
}

async function regraded(directory: string, options: EvalOptions, terminal: Terminal): Promise<Evaluation> {
  const { regrade } = await import('../eval/index.ts')
  const { data, batch } = options
  const display = stages(terminal)
  return regrade(directory, {
    ...{ data, batch, judge: judge(options), signal: interruption, onProgress: display.show },
  }).finally(display.stop)
}

function judge({ judgeUrl: url, judgeModel: model, judgeCache: cache, batch }: EvalOptions) {
  if (url !== undefined) return { url, model, concurrency: batch, ...(cache === undefined ? {} : { cache }) }
  if (model === undefined && cache === undefined) return undefined
  throw error('ERR_INVALID_ARGUMENT', 'Expected --judge-url URL beside the options of the judge but received none')
}

/** A display for each stage, one after the other. */
function stages(terminal: Terminal) {
  const displays = new Map<string, ReturnType<Terminal['progress']>>()
  const stop = () => {
    for (const display of displays.values()) display.stop()
  }
  const show: EvaluateOptions['onProgress'] = ({ stage, ...progress }) => {
    let display = displays.get(stage)
    if (!display) {
      stop()
      display = terminal.progress(stage)
      displays.set(stage, display)
    }
    display(progress)
  }
  return { show, stop }
}

async function shown(
  { results, failures }: Evaluation,
  out: string,
  terminal: Terminal,
  json?: boolean,
): Promise<string> {
  if (failures.length > 0) {
    const first = `the first: ${failures[0]!.message}`
    terminal.note(`${failures.length} questions failed (${out}/failures.jsonl), ${first}`)
  }
  if (json) return JSON.stringify(results)
  const { detailRows, resultRows } = await import('../eval/index.ts')
  return [table(resultRows(results)), table(detailRows(results)), out].join('\n\n')
}
