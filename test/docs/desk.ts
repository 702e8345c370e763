import {
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { world } from '../../src/data/world/index.ts'
import { evaluate } from '../../src/eval/index.ts'
import { mathVision } from '../eval/generated.ts'
import { scripted } from '../eval/scripted.ts'
import { fixture } from '../processor/fixture.ts'
import { blocksOf } from './blocks.ts'

/** What pages call a checkpoint. */
const models = [
  ...['Qwen2.5-VL-3B-Instruct', 'Qwen/Qwen2.5-VL-3B-Instruct', 'Qwen2.5-VL-7B-Instruct', 'DIR', 'random-model'],
  ...['base', 'in', 'rl', 'sft', 'BASE', 'IN', 'RL', 'Base', 'frankenstein'],
]

/**
 * A directory that holds what the examples of the pages name: checkpoints (tiny ones), images, benchmarks, a world, recorded replies. Everything is
 * small, so that a page's examples run in seconds.
 */
export async function makeDesk(): Promise<string> {
  const desk = mkdtempSync(join(tmpdir(), 'frankentorch-docs-'))
  const place = (name: string) => {
    mkdirSync(dirname(join(desk, name)), { recursive: true })
    return join(desk, name)
  }
  const config = JSON.parse(readFileSync(fixture('models/hub-tied/config.json'), 'utf8'))
  for (const [seed, name] of models.entries()) {
    await initCheckpoint({ config, seed, dtype: 'float32', std: 0.3, out: place(name) })
  }
  writeFileSync(place('config.json'), JSON.stringify(config))
  for (const name of ['figure.png', 'a.png', 'b.png', 'photo.png'])
    copyFileSync(fixture('images/photo.png'), place(name))
  copyFileSync(fixture('images/speck.png'), place('speck.png'))
  await world({ out: place('world'), train: 12, test: 12, pairs: 1 })
  cpSync(join(desk, 'world/swap'), place('vision-function'), { recursive: true })
  cpSync(join(desk, 'IN'), place('spliced'), { recursive: true })
  // the questions of a world with their replies, as an evaluation split of supervised training
  writeFileSync(place('recipe.yaml'), blocksOf('docs/recipes.md').find(({ language }) => language === 'yaml')!.code)
  mathVision(place('MathVision'), 6)
  const problem = (n: number) => JSON.stringify({ question: `What is ${n} + ${n}?`, answer: `#### ${2 * n}` })
  writeFileSync(place('gsm8k/test.jsonl'), [1, 2].map((n) => `${problem(n)}\n`).join(''))
  const replies = Array.from({ length: 6 }, (_, id) => `${JSON.stringify({ id, response: '\\boxed{C}' })}\n`)
  writeFileSync(place('replies.jsonl'), replies.join(''))
  const recorded = { RL: scripted(() => '\\boxed{C}') }
  await evaluate({ models: recorded, tasks: ['mathvision'], data: join(desk, 'MathVision'), out: place('scores') })
  for (const name of ['swap-run', 'study-run', 'run']) cpSync(join(desk, 'scores'), place(name), { recursive: true })
  return desk
}

/** A desk of its own for a page: links to everything on `desk`, so that what a page writes is not seen by the next. */
export function linkedDesk(desk: string): string {
  const own = mkdtempSync(join(tmpdir(), 'frankentorch-page-'))
  for (const name of readdirSync(desk)) symlinkSync(join(desk, name), join(own, name))
  return own
}

/** Takes away links that stand where a block writes its result. What the page itself made stays: a run may be continued. */
export function clearOutputs(desk: string, code: string): void {
  for (const [, quoted, bare] of code.matchAll(/(?:--out[ =]|\bout: )(?:'([^']+)'|([\w./-]+))/g)) {
    const path = join(desk, (quoted ?? bare)!.replace(/\/$/, ''))
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(path)
  }
}
