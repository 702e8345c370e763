import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { error } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Content } from '../model/processor/messages.ts'
import type { SwapSummary, VisionPair } from '../probe/index.ts'
import { version } from '../version.ts'
import { demoConfig } from './demo-config.ts'
import { interruption } from './interrupt.ts'
import { withModel } from './model.ts'
import { integer, jsonOption } from './options.ts'
import { changeRateTable } from './table.ts'
import { openTerminal, type ProgressDisplay } from './terminal.ts'

interface DemoOptions {
  out: string
  pairs: number
  seed: number
  json?: boolean
}

interface Paths {
  model: string
  images: string
  probe: string
}

const maxNewTokens = 12

// With the usual 0.02 a random decoder repeats one token whatever it sees; at this scale its reply depends on the image.
const weightScale = 0.3

/** `frankentorch demo`: a model, images and a probe out of nothing. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('on a machine with nothing: make a tiny random model and images, let it reply, probe it')
    .option('--out <dir>', 'directory of everything it makes; what an earlier demo left there is replaced', 'demo-run')
    .option('--pairs <n>', 'image pairs of each task', integer(1), 4)
    .option('--seed <n>', 'of the weights and the images', integer(0), 0)
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch demo')
    .action(demo)
}

async function demo({ out, pairs, seed, json }: DemoOptions, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const say = json ? terminal.note : (text: string) => void process.stdout.write(`${text}\n`)
  const paths: Paths = { model: join(out, 'model'), images: join(out, 'world'), probe: join(out, 'probe-vision') }
  say('The model of this demo has random weights: its replies mean nothing. Everything around it is real.\n')
  await clear(out, paths.model)
  await make(paths, pairs, seed)
  const summary = await withModel({ model: paths.model, device: 'cpu', dtype: 'float32' }, async (model) => {
    say(`${await oneReply(model, paths)}\n`)
    return probe(model, paths, terminal.progress('pairs'))
  })
  if (json) return void process.stdout.write(`${JSON.stringify({ ...paths, summary })}\n`)
  say('How often the answer changed when the image was swapped from a decoder layer on:\n')
  say(`${changeRateTable(summary)}\n`)
  for (const [name, path] of Object.entries(paths)) say(`${name.padEnd(6)}  ${path}`)
}

// The manifest tells an earlier demo's model, which is replaced, from a user's, which is not.
async function clear(out: string, model: string): Promise<void> {
  const { writeJson } = await import('../run/files.ts')
  const manifest = join(out, 'demo.json')
  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    )
  if (await exists(manifest)) await rm(model, { recursive: true, force: true })
  else if (await exists(model))
    throw error('ERR_OUTPUT', `${model} exists and is not from a demo: choose another --out`)
  await writeJson(manifest, { schema: 1, version })
}

async function make({ model, images }: Paths, pairs: number, seed: number): Promise<void> {
  const [{ initCheckpoint }, { world }] = await Promise.all([
    import('../checkpoint/init.ts'),
    import('../data/world/index.ts'),
  ])
  await initCheckpoint({
    config: demoConfig,
    seed,
    dtype: 'float32',
    std: weightScale,
    out: model,
    signal: interruption,
  })
  await world({ out: images, seed, pairs, train: 0, test: 0, overwrite: true, signal: interruption })
}

async function oneReply(model: VisionLanguageModel, { images }: Paths): Promise<string> {
  const { readPairs } = await import('../probe/index.ts')
  const [pair] = await readPairs(join(images, 'swap'), { samples: 1 })
  const { targetImage, prompt } = pair as VisionPair
  const content: Content[] = [
    { type: 'image', image: targetImage },
    { type: 'text', text: prompt },
  ]
  const { text } = await model.generate([{ role: 'user', content }], { maxNewTokens, signal: interruption })
  return `image   ${targetImage}\nprompt  ${prompt}\nreply   ${JSON.stringify(text)}`
}

async function probe(
  model: VisionLanguageModel,
  { images, probe: out }: Paths,
  progress: ProgressDisplay,
): Promise<SwapSummary> {
  const { vision } = await import('../probe/index.ts')
  const { summary } = await vision(model, {
    data: join(images, 'swap'),
    maxNewTokens,
    out,
    overwrite: true,
    signal: interruption,
    onProgress: progress,
  }).finally(() => progress.stop())
  return summary
}
