import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSafetensorsHeader } from '../../src/checkpoint/safetensors.ts'
import { program } from '../../src/cli/program.ts'
import { writeStudy } from '../report/study.ts'
import { contents } from '../run/contents.ts'
import { compile, finish, frankentorch, inThisProcess, start } from './frankentorch.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))
const model = join(fixtures, 'models/hub-tied')
const photo = join(fixtures, 'images/photo.png')
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-cli-'))
beforeAll(compile)
afterAll(() => rmSync(scratch, { recursive: true }))

interface Case {
  model: string
  repetition_penalty: number
  messages: { content: { type: string; text: string }[] }[]
  greedy: { tokens: number[] }
}
const { cases } = JSON.parse(readFileSync(join(fixtures, 'cases.json'), 'utf8')) as { cases: Record<string, Case> }
// generation_config.json of this model has a repetition penalty, which its greedy replies follow.
const photoCase = Object.values(cases).find(
  ({ messages, repetition_penalty }) =>
    (messages[0]!.content as { text?: string }[])[1]?.text === 'Count the shapes.' && repetition_penalty > 1,
)!

/** DIR/<task>/data.jsonl with the fixture pair, `count` times. */
function swapData(count: number, tasks = ['counting']): string {
  const directory = mkdtempSync(join(scratch, 'data-'))
  for (const task of tasks) {
    mkdirSync(join(directory, task))
    const line = (index: number) => ({
      id: `${task}_${index}`,
      target_image: '../pair-target.png',
      source_image: '../pair-source.png',
      prompt: `Is it round? ${index}`,
    })
    writeFileSync(
      join(directory, task, 'data.jsonl'),
      Array.from({ length: count }, (_, index) => `${JSON.stringify(line(index))}\n`).join(''),
    )
  }
  for (const image of ['pair-target.png', 'pair-source.png'])
    cpSync(join(fixtures, 'images', image), join(directory, image))
  return directory
}

test('generate --json has the greedy tokens of transformers and the fields scripts rely on', async () => {
  const words = [
    'generate',
    '--model',
    model,
    '--image',
    photo,
    '--prompt',
    'Count the shapes.',
    '--max-new-tokens',
    '32',
  ]
  const { code, stdout, stderr } = await frankentorch([...words, '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const reply = JSON.parse(stdout)
  expect(Object.keys(reply)).toEqual(['text', 'token_ids', 'prompt_token_ids', 'finish_reason', 'timings'])
  expect(Object.keys(reply.timings)).toEqual(['load_s', 'vision_s', 'prefill_s', 'decode_s', 'decode_tokens_per_s'])
  expect(reply.token_ids).toEqual(photoCase.greedy.tokens)
  expect(reply.finish_reason).toBe('length')
  const streamed = await frankentorch(words)
  expect(streamed).toMatchObject({ code: 0, stdout: `${reply.text}\n`, stderr: '' })
}, 30_000)

test('--messages is the same conversation, its images found beside the file, snake_case understood', async () => {
  const file = join(scratch, 'messages.json')
  cpSync(photo, join(scratch, 'beside.png'))
  const content = [
    { type: 'image', image: 'beside.png', min_pixels: 3136 },
    { type: 'text', text: 'Count the shapes.' },
  ]
  writeFileSync(file, JSON.stringify({ messages: [{ role: 'user', content }] }))
  const { stdout } = await inThisProcess([
    'generate',
    '--model',
    model,
    '--messages',
    file,
    '--max-new-tokens',
    '4',
    '--json',
  ])
  expect(JSON.parse(stdout).token_ids).toEqual(photoCase.greedy.tokens.slice(0, 4))
})

test('capture writes logits, ids, positions and points with a batch axis of 1', async () => {
  const out = join(scratch, 'states.safetensors')
  const points = 'language_model.layers[0:2],visual.merger,language_model.layers.1.self_attn.key'
  const words = [
    'capture',
    '--model',
    model,
    '--image',
    photo,
    '--prompt',
    'Count the shapes.',
    '--points',
    points,
    '--out',
    out,
  ]
  const { code, stdout } = await inThisProcess([...words, '--json'])
  expect(code).toBe(0)
  const { tensors } = await readSafetensorsHeader(out)
  const shapes = Object.fromEntries(tensors.map(({ storedName, dtype, shape }) => [storedName, { dtype, shape }]))
  expect(JSON.parse(stdout)).toEqual({ out, tensors: shapes })
  const length = shapes.input_ids!.shape[1]!
  expect(shapes.input_ids).toEqual({ dtype: 'int64', shape: [1, length] })
  expect(shapes.position_ids).toEqual({ dtype: 'int64', shape: [3, 1, length] })
  expect(shapes.logits!.shape.slice(0, 2)).toEqual([1, length])
  expect(shapes['language_model.layers.0']!.shape.slice(0, 2)).toEqual([1, length])
  expect(shapes['visual.merger']!.shape[0]).toBe(1)
  expect(shapes['language_model.layers.1.self_attn.key']!.shape[2]).toBe(length)
  expect(Object.keys(shapes)).toHaveLength(7)
})

test('probe vision prints a table and the directory, --json the summary; a second run has nothing to do', async () => {
  const out = join(scratch, 'probe')
  const words = [
    'probe',
    'vision',
    '--model',
    model,
    '--data',
    swapData(2),
    '--layers',
    '0,2',
    '--max-new-tokens',
    '4',
    '--out',
    out,
  ]
  const first = await inThisProcess(words)
  expect(first.code).toBe(0)
  expect(first.stdout).toMatch(/^layer {2}counting\n {4}0 .* %\n {4}2 .* %\n\n.*probe\n$/)
  expect(first.stderr).toContain('pairs: 2 of 2')
  const before = contents(out)
  const again = await inThisProcess([...words, '--json', '--quiet'])
  expect(again).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(again.stdout)).toEqual(JSON.parse(before['layer_swap_summary.json']!))
  expect(contents(out)).toEqual(before)
  const other = await inThisProcess([...words, '--compat'])
  expect(other).toMatchObject({ code: 1, stdout: '' })
  expect(other.stderr).toContain('arguments.compat = false, this one has true')
  expect(other.stderr).toContain('(ERR_RUN_MISMATCH)')
}, 30_000)

test('a probe interrupted in the middle exits 130, and the same command ends byte-identical', async () => {
  const data = swapData(4, ['counting', 'ocr'])
  const words = (out: string) => [
    'probe',
    'vision',
    '--model',
    model,
    '--data',
    data,
    '--max-new-tokens',
    '16',
    '--out',
    out,
  ]
  const [undisturbed, out] = [join(scratch, 'undisturbed'), join(scratch, 'interrupted')]
  expect((await inThisProcess(words(undisturbed))).code).toBe(0)
  const child = start(words(out))
  await waitForLine(join(out, 'layer_swap_results.jsonl'))
  child.kill('SIGINT')
  const { code, stdout, stderr } = await finish(child)
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
  expect(stderr).toContain('the same command continues the run')
  expect(contents(out)['layer_swap_results.jsonl']!.length).toBeLessThan(
    contents(undisturbed)['layer_swap_results.jsonl']!.length,
  )
  expect((await inThisProcess(words(out))).code).toBe(0)
  expect(contents(out)).toEqual(contents(undisturbed))
}, 60_000)

test('an interrupted generation exits 130', async () => {
  const long = ['generate', '--model', model, '--prompt', 'x', '--max-new-tokens', '100000']
  const streaming = start(long)
  await once(streaming.stdout, 'data')
  streaming.kill('SIGINT')
  expect(await finish(streaming)).toMatchObject({ code: 130, stderr: expect.stringContaining('(ERR_ABORTED)') })
}, 30_000)

test('a probe of which no pair can be answered fails', async () => {
  const data = swapData(2)
  writeFileSync(join(data, 'pair-target.png'), 'no image')
  const { code, stderr } = await inThisProcess([
    'probe',
    'vision',
    '--model',
    model,
    '--data',
    data,
    '--out',
    join(scratch, 'broken'),
  ])
  expect(code).toBe(1)
  expect(stderr).toContain('None of 2 pairs could be answered')
})

test.each([
  [['generate', '--model', '/nowhere', '--prompt', 'x'], 1, 'ERR_CHECKPOINT_NOT_FOUND'],
  [['generate', '--model', model, '--prompt', 'x', '--image', '/nowhere.png'], 1, 'ERR_IMAGE'],
  [['generate', '--model', model, '--prompt', 'x', '--device', 'abacus'], 2, 'ERR_UNKNOWN_DEVICE'],
  [
    ['capture', '--model', model, '--prompt', 'x', '--points', 'no.such', '--out', join(scratch, 'x')],
    2,
    'ERR_UNKNOWN_POINT',
  ],
  [
    ['probe', 'vision', '--model', model, '--data', swapData(1), '--layers', '99', '--out', join(scratch, 'y')],
    2,
    'ERR_UNKNOWN_LAYER',
  ],
  [['probe', 'vision', '--model', model, '--data', '/nowhere', '--out', join(scratch, 'z')], 1, 'ERR_DATA'],
])('%j exits %i with %s', async (words, code, name) => {
  const result = await inThisProcess(words)
  expect(result.stderr).toContain(`(${name})`)
  expect(result.code).toBe(code)
})

/** The examples of every command's help, as a shell would split them. */
function examples(parent = program()): string[][] {
  return parent.commands.flatMap((command) => {
    if (command.commands.length > 0) return examples(command)
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
    return [...help.matchAll(/^ {2}\$ frankentorch (.*)$/gm)].map(([, line]) => split(line!))
  })
}

function split(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, word]) => double ?? single ?? word!)
}

// The world needs no model, and its own tests draw it; a server does not end by itself: test/serve/ starts it. A study and the demo have their own tests.
// What reads a world or what another command wrote runs in test/eval/, test/train/ and test/probe/.
const elsewhere = /^(world|serve|study|demo|train|gather|eval --(model|regrade))\b/
test.each(examples().filter((words) => !elsewhere.test(words.join(' '))))(
  'the example of the help runs: %s %s',
  async (...words) => {
    const cwd = mkdtempSync(join(scratch, 'example-'))
    for (const name of ['Qwen2.5-VL-3B-Instruct', 'base', 'IN', 'RL']) symlinkSync(model, join(cwd, name))
    symlinkSync(swapData(2, ['counting', 'ocr']), join(cwd, 'vision-function'))
    symlinkSync(join(fixtures, 'data/mathvision'), join(cwd, 'MathVision'))
    writeFileSync(join(cwd, 'replies.jsonl'), '{"id": "1", "response": "12"}')
    mkdirSync(join(cwd, 'gsm8k'))
    const problem = (n: number) =>
      JSON.stringify({ question: `What is ${n} + ${n}?`, answer: `It is ${2 * n}.\n#### ${2 * n}` })
    writeFileSync(join(cwd, 'gsm8k/test.jsonl'), [1, 2, 3].map((n) => `${problem(n)}\n`).join(''))
    cpSync(photo, join(cwd, 'figure.png'))
    writeStudy(join(cwd, 'swap-run'))
    cpSync(join(model, 'config.json'), join(cwd, 'config.json'))
    const { code, stdout, stderr } = await frankentorch(words, { cwd })
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    expect(stdout).not.toBe('')
  },
  60_000,
)

async function waitForLine(file: string): Promise<void> {
  for (;;) {
    try {
      if (readFileSync(file, 'utf8').includes('\n')) return
    } catch {
      // not there yet
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
