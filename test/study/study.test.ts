import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { world } from '../../src/data/world/index.ts'
import { native } from '../../src/native.ts'
import { readStudy } from '../../src/study/config.ts'
import { study } from '../../src/study/index.ts'
import { inThisProcess } from '../cli/frankentorch.ts'
import { temporaryDirectory } from '../native/temporary.ts'

const scratch = temporaryDirectory()
const file = join(scratch, 'study.yaml')

beforeAll(async () => {
  await native().setNumThreads(1)
  // Two random checkpoints stand for IN and RL; at this scale of weights their replies depend on the image.
  const config = JSON.parse(readFileSync('test/fixtures/models/hub-tied/config.json', 'utf8'))
  for (const [name, seed] of [
    ['in', 1],
    ['rl', 2],
  ] as const) {
    await initCheckpoint({ config, seed, std: 0.3, dtype: 'float32', out: join(scratch, name) })
  }
  await world({ out: join(scratch, 'world'), train: 0, test: 30, pairs: 0 })
  writeFileSync(file, stringify(yaml))
  const question = (id: number) => ({
    id: `${id}`,
    messages: [{ role: 'user', content: `What is ${id} + 1?` }],
    answer: `${id + 1}`,
  })
  writeFileSync(join(scratch, 'questions.jsonl'), [1, 2, 3].map((id) => `${JSON.stringify(question(id))}\n`).join(''))
})

const yaml = {
  title: 'Two random checkpoints',
  models: { IN: './in', RL: './rl' },
  vision: { data: swapData(), tasks: ['counting', 'recognition'], samples: 1, max_new_tokens: 4 },
  reasoning: { data: 'questions.jsonl', dataset: 'generic', samples: 3, max_new_tokens: 4, prompt_style: 'plain' },
  attention: { data: swapData(), tasks: ['counting'], samples: 1, max_new_tokens: 4 },
  evaluation: { tasks: ['world'], data: 'world', samples: 3, max_new_tokens: 6 },
}

// Photographs where the test data is, else the fixtures' pictures.
function swapData(): string {
  const real = join(process.env.FRANKENTORCH_TEST_DATA ?? '/nowhere', 'vision-function')
  if (existsSync(real)) return real
  console.info('study: without FRANKENTORCH_TEST_DATA the pairs are those of the fixtures')
  for (const task of ['counting', 'recognition']) {
    const folder = join(scratch, 'swap', task)
    mkdirSync(folder, { recursive: true })
    for (const name of ['pair-target.png', 'pair-source.png'])
      cpSync(`test/fixtures/images/${name}`, join(folder, name))
    const pair = { id: '0', target_image: 'pair-target.png', source_image: 'pair-source.png', prompt: 'Is it round?' }
    writeFileSync(join(folder, 'data.jsonl'), JSON.stringify(pair))
  }
  return join(scratch, 'swap')
}

function records(root: string): Record<string, string> {
  const found = readdirSync(root, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\.(jsonl|json|html)$/.test(entry.name) && !/^(timings|journal)/.test(entry.name),
  )
  return Object.fromEntries(
    found.map(({ parentPath, name }) => [
      join(parentPath, name).slice(root.length),
      readFileSync(join(parentPath, name), 'utf8'),
    ]),
  )
}

test('a study over two random checkpoints with real images runs every stage and opens as a report', async () => {
  const out = join(scratch, 'whole')
  const { code, stdout, stderr } = await inThisProcess(['study', file, '--out', out])
  expect(stderr).not.toContain('error:')
  expect(code).toBe(0)
  expect(stdout).toContain('Transfer: thirds of IN and RL in one model')
  expect(stdout).toMatch(/IN1\+RL2 .*IN early 1\/3 \+ RL late 2\/3/)
  const page = readFileSync(join(out, 'report.html'), 'utf8')
  expect(page).toContain('Random weights.</strong> IN, RL: these models were never trained')
  expect(page).not.toContain('Tiny world.')
  for (const section of ['vision', 'reasoning', 'attention', 'weights', 'results'])
    expect(page).toContain(`<section id="${section}"`)
  // the splices are evaluated and gone
  expect(readdirSync(join(out, 'eval'))).toHaveLength(8)
  expect(readdirSync(join(out, 'splices'))).toEqual([])

  const again = await inThisProcess(['study', file, '--out', out, '--json', '--quiet'])
  expect(JSON.parse(again.stdout)).toMatchObject({ done: 0, left: 0 })
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toBe(page)
}, 240_000)

test('a study interrupted anywhere and run again ends with the same files, and shards share one', async () => {
  const config = await readStudy(file)
  const out = join(scratch, 'resumed')
  for (const after of [1, 3, 9]) {
    const controller = new AbortController()
    let told = 0
    const cut = study(config, {
      out,
      signal: controller.signal,
      onProgress: () => ++told === after && controller.abort(),
    })
    await expect(cut).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  }
  const first = await study(config, { out, shard: [1, 2] })
  expect(first.report).toBeUndefined()
  expect(first.left).toBeGreaterThan(0)
  expect(await study(config, { out, shard: [2, 2] })).toMatchObject({ left: 0 })
  await study(config, { out })
  const [resumed, whole] = [records(out), records(join(scratch, 'whole'))]
  expect(Object.keys(resumed)).toEqual(Object.keys(whole))
  for (const [name, text] of Object.entries(whole))
    expect(resumed[name]!.replaceAll('/resumed', '/whole'), name).toBe(text)
}, 240_000)

test('another study in the same directory is refused, and replaced when asked', async () => {
  const config = await readStudy(file)
  const out = join(scratch, 'other')
  const small = {
    ...config,
    reasoning: undefined,
    attention: undefined,
    evaluation: undefined,
    compare: { energy: true, spectrum: false },
  }
  await study(small, { out })
  await expect(study({ ...small, seed: 5 }, { out })).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
  const replaced = await study({ ...small, seed: 5 }, { out, overwrite: true })
  expect(replaced.skipped).toBe(0)
  rmSync(out, { recursive: true })
}, 120_000)

test('a study file that is wrong names the field', async () => {
  const broken = join(scratch, 'broken.yaml')
  writeFileSync(broken, stringify({ ...yaml, vision: { data: 3 } }))
  await expect(readStudy(broken)).rejects.toThrow(/vision\.data/)
  writeFileSync(broken, stringify({ ...yaml, vison: {} }))
  await expect(readStudy(broken)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_OPTION' })
  writeFileSync(broken, 'models: [')
  await expect(readStudy(broken)).rejects.toMatchObject({ code: 'ERR_DATA' })
  await expect(readStudy(join(scratch, 'none.yaml'))).rejects.toMatchObject({ code: 'ERR_DATA' })
})
