import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { worldCommand } from '../../src/cli/world.ts'
import { WorldOptions, type WorldRecord, world } from '../../src/data/world/index.ts'

const small = { train: 60, test: 39, pairs: 4 }
let directory: string
const at = (...parts: string[]) => join(directory, ...parts)

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'frankentorch-world-'))
  await world({ out: at('first'), ...small })
})
afterAll(() => rm(directory, { recursive: true }))

test('one seed gives the same files byte for byte, another seed others', async () => {
  await world({ out: at('second'), ...small })
  await world({ out: at('other'), ...small, seed: 1 })
  const [first, second, other] = await Promise.all(['first', 'second', 'other'].map((name) => hashes(at(name))))
  expect(second).toEqual(first)
  const differing = Object.keys(first!).filter((file) => first![file] !== other![file])
  expect(differing).toContain('train.sft.jsonl')
  expect(differing).toContain('swap/ocr/data.jsonl')
  expect(differing.filter((file) => file.endsWith('.png')).length).toBeGreaterThan(70)
})

test('a world has pairs of those questions alone that are asked in it', async () => {
  const { records } = await world({ out: at('few'), ...small, pairs: 2, tasks: ['count', 'number', 'add'] })
  const pairs = Object.keys(records).filter((file) => file.startsWith('swap/'))
  expect(pairs).toEqual(['swap/counting/data.jsonl', 'swap/ocr/data.jsonl'])
  const ocr = await lines<{ prompt: string }>(at('few', 'swap/ocr/data.jsonl'))
  expect(ocr.every(({ prompt }) => prompt === 'Read the number.')).toBe(true)
})

test('guess: that share of the cold start is a wrong answer without a thought, and nothing else changes', async () => {
  await world({ out: at('guessing'), ...small, guess: 0.5 })
  const [first, guessing] = await Promise.all(['first', 'guessing'].map((name) => hashes(at(name))))
  expect(Object.keys(first!).filter((file) => first![file] !== guessing![file])).toEqual([
    'train.sft.jsonl',
    'world.json',
  ])
  const records = await lines<WorldRecord>(at('guessing', 'train.sft.jsonl'))
  const replies = records.map(({ messages }) => JSON.stringify(messages[1]))
  const guesses = replies.filter((reply) => !reply.includes('<think>') && reply.includes('<answer>'))
  expect(guesses.length).toBeGreaterThan(15)
  expect(guesses.length).toBeLessThan(45)
  const wrong = records.filter(({ messages }) => !JSON.stringify(messages[1]).includes('<think>'))
  expect(
    wrong.every(({ messages, answer }) => !JSON.stringify(messages[1]).includes(`<answer>${answer}</answer>`)),
  ).toBe(true)
  const thoughtful = await lines<WorldRecord>(at('first', 'train.sft.jsonl'))
  expect(thoughtful.every(({ messages }) => JSON.stringify(messages[1]).includes('<think>'))).toBe(true)
})

test('every image a record names exists with the size asked for, and no other', async () => {
  const named = new Set<string>()
  for (const file of ['train.base.jsonl', 'train.sft.jsonl', 'train.grpo.jsonl', 'test.jsonl']) {
    for (const { image } of await lines<WorldRecord>(at('first', file))) if (image) named.add(image)
  }
  for (const task of ['counting', 'ocr', 'grounding', 'recognition']) {
    for (const pair of await lines<{ target_image: string; source_image: string }>(
      at('first/swap', task, 'data.jsonl'),
    )) {
      named.add(join('swap', task, pair.target_image)).add(join('swap', task, pair.source_image))
    }
  }
  const found = Object.keys(await hashes(at('first'))).filter((file) => file.endsWith('.png'))
  expect(found.sort()).toEqual([...named].sort())
  for (const file of found) expect(await sharp(at('first', file)).metadata()).toMatchObject({ width: 112, height: 112 })
})

test('the cold start thinks and answers in tags, reinforcement learning and test have no reply', async () => {
  const sft = await lines<WorldRecord>(at('first/train.sft.jsonl'))
  const grpo = await lines<WorldRecord>(at('first/train.grpo.jsonl'))
  expect(sft).toHaveLength(60)
  for (const [i, { messages, answer, id }] of sft.entries()) {
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
    expect(text(messages[1]!)).toMatch(/^<think>.+<\/think><answer>.+<\/answer>$/)
    expect(text(messages[1]!)).toContain(`<answer>${answer}</answer>`)
    expect(grpo[i]).toEqual({ ...sft[i], messages: messages.slice(0, 1) })
    expect(id).toBe(grpo[i]!.id)
  }
  for (const { messages } of await lines<WorldRecord>(at('first/test.jsonl'))) expect(messages).toHaveLength(1)
})

test('Base learns a short answer of every sample and a description of every image', async () => {
  const base = await lines<WorldRecord>(at('first/train.base.jsonl'))
  for (const { messages, answer } of base) expect(text(messages[1]!)).toBe(answer)
  const described = base.filter(({ messages }) => text(messages[0]!).startsWith('Describe'))
  expect(described).toHaveLength(40)
  for (const { messages, task } of described) {
    expect(text(messages[0]!)).toBe(task === 'perception/locate' ? 'Describe with boxes.' : 'Describe.')
  }
})

test('reasoning is text only in the test split, and beside a black image in a share of training', async () => {
  const reasoning = (records: WorldRecord[]) => records.filter(({ family }) => family === 'reasoning')
  const held = reasoning(await lines<WorldRecord>(at('first/test.jsonl')))
  expect(held).toHaveLength(13)
  for (const { messages, image } of held) expect([messages[0]!.content.length, image]).toEqual([1, undefined])
  const trained = reasoning(await lines<WorldRecord>(at('first/train.grpo.jsonl')))
  const dark = trained.filter(({ image }) => image === 'images/black.png')
  expect(dark.length).toBeGreaterThan(3)
  expect(dark.length).toBeLessThan(17)
  const { channels } = await sharp(at('first/images/black.png')).stats()
  expect(channels.map(({ max }) => max)).toEqual([0, 0, 0])
})

test('swap files have the fields of the published pairs', async () => {
  const [first] = await lines<Record<string, unknown>>(at('first/swap/grounding/data.jsonl'))
  expect(first).toEqual({
    id: 'grounding_000000',
    task: 'grounding',
    target_image: 'images/grounding_000000_t.png',
    source_image: 'images/grounding_000000_s.png',
    prompt: expect.stringMatching(/^Box of the \w+ \w+\?$/),
    meta: {
      object_name: expect.any(String),
      target_bbox_xyxy: [expect.any(Number), expect.any(Number), expect.any(Number), expect.any(Number)],
      source_bbox_xyxy: [expect.any(Number), expect.any(Number), expect.any(Number), expect.any(Number)],
      canvas_size: [112, 112],
      iou_threshold: 0.5,
    },
  })
  const metaOf = async (task: string) =>
    Object.keys((await lines<{ meta: object }>(at('first/swap', task, 'data.jsonl')))[0]!.meta)
  expect(await metaOf('counting')).toEqual(['target_answer', 'source_answer', 'canvas_size'])
  expect(await metaOf('ocr')).toEqual(['target_text', 'source_text', 'canvas_size'])
  expect(await metaOf('recognition')).toEqual(['category_name', 'target_answer', 'source_answer', 'canvas_size'])
})

test('a directory that holds something is refused, a world is replaced only when asked', async () => {
  await mkdir(at('notes'))
  await writeFile(at('notes/mine.txt'), 'keep')
  const tiny = { train: 3, test: 0, pairs: 0 }
  await expect(world({ out: at('notes'), ...tiny, overwrite: true })).rejects.toMatchObject({ code: 'ERR_OUTPUT' })
  expect(await readdir(at('notes'))).toEqual(['mine.txt'])
  await world({ out: at('again'), ...tiny })
  await expect(world({ out: at('again'), ...tiny })).rejects.toThrow(/holds a world.*--overwrite/)
  await world({ out: at('again'), ...tiny, seed: 9, overwrite: true })
  expect(JSON.parse(await readFile(at('again/world.json'), 'utf8'))).toMatchObject({ seed: 9, train: 3 })
  expect((await readdir(directory)).filter((name) => /partial|replaced/.test(name))).toEqual([])
})

test('an aborted world leaves nothing, and progress counts to the total', async () => {
  const seen: number[] = []
  const controller = new AbortController()
  const onProgress = ({ done }: { done: number }) => {
    seen.push(done)
    controller.abort()
  }
  const options = { out: at('aborted'), train: 300, test: 0, pairs: 1, onProgress }
  await expect(world({ ...options, signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  await expect(access(at('aborted'))).rejects.toThrow()
  await expect(access(at('aborted.world-partial'))).rejects.toThrow()
  seen.length = 0
  await world(options)
  expect(seen.at(-1)).toBe(304)
  expect(seen.length).toBeGreaterThan(3)
})

test('an out that cannot be written is an error that names it', async () => {
  await writeFile(at('file'), '')
  await expect(world({ out: at('file/world'), ...small })).rejects.toMatchObject({ code: 'ERR_OUTPUT' })
})

test('an unknown option is named', async () => {
  const misspelt = { out: at('never'), sizes: 112 }
  await expect(world(misspelt)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_OPTION' })
})

test('the command passes its flags and prints what it wrote', async () => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const flags = ['--train', '6', '--test', '2', '--pairs', '0', '--families', 'perception', '--tasks', 'count,word']
  const command = new Command().option('--quiet').addCommand(worldCommand())
  const argv = ['--quiet', 'world', '--out', at('command'), ...flags, '--max-count', '3', '--json']
  await command.parseAsync(argv, { from: 'user' })
  const output = written.mock.calls.map(([text]) => text).join('')
  written.mockRestore()
  expect(JSON.parse(output)).toMatchObject({ out: at('command'), images: 8 })
  expect(JSON.parse(await readFile(at('command/world.json'), 'utf8'))).toMatchObject({
    maxCount: 3,
    tasks: ['count', 'word'],
  })
})

test("the command's defaults are the API's", () => {
  const defaults: Record<string, unknown> = WorldOptions.parse({ out: 'world' })
  const shown = worldCommand().opts()
  expect(Object.keys(shown).length).toBe(15)
  for (const [option, value] of Object.entries(shown)) expect([option, defaults[option]]).toEqual([option, value])
})

function text({ content }: WorldRecord['messages'][number]): string {
  const last = content.at(-1)!
  return last.type === 'text' ? last.text : ''
}

async function lines<T>(file: string): Promise<T[]> {
  return (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

async function hashes(root: string): Promise<Record<string, string>> {
  const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const pairs = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name)
    return [
      path.slice(root.length + 1),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ]
  })
  return Object.fromEntries(await Promise.all(pairs))
}
