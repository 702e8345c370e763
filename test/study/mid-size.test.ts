import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { midSize } from '../../bench/shapes/mid-size.ts'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { world } from '../../src/data/world/index.ts'
import { native } from '../../src/native.ts'
import { study } from '../../src/study/index.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { executablePath, launch } from '../report/browser.ts'

const real = join(process.env.FRANKENTORCH_TEST_DATA ?? '/nowhere', 'vision-function')
const there = existsSync(real)
if (!there)
  console.info(
    'study: without FRANKENTORCH_TEST_DATA the study of mid-size checkpoints has no real images and is skipped',
  )

const scratch = temporaryDirectory()
const checkpoint = (name: string) => join(scratch, name)

beforeAll(async () => {
  if (!there) return
  await native().setNumThreads(Math.min(2, availableParallelism()))
  for (const [seed, name] of ['IN', 'RL'].entries())
    await initCheckpoint({ config: midSize, seed, std: 0.05, out: checkpoint(name) })
  await world({ out: join(scratch, 'world'), train: 0, test: 30, pairs: 0 })
  const question = { id: '0', messages: [{ role: 'user', content: 'What is 1 + 1?' }], answer: '2' }
  writeFileSync(join(scratch, 'questions.jsonl'), `${JSON.stringify(question)}\n`)
}, 240_000)

test.skipIf(!there)(
  'a study over two random mid-size checkpoints with real images: every stage runs, the report opens',
  async () => {
    const out = join(scratch, 'study')
    const probe = { data: real, tasks: ['counting'], samples: 1, maxNewTokens: 4 }
    const { report, done } = await study(
      {
        title: 'Two random checkpoints',
        models: { IN: checkpoint('IN'), RL: checkpoint('RL') },
        vision: probe,
        reasoning: {
          data: join(scratch, 'questions.jsonl'),
          dataset: 'generic',
          samples: 1,
          promptStyle: 'plain',
          maxNewTokens: 4,
        },
        attention: probe,
        evaluation: { tasks: ['world'], data: join(scratch, 'world'), samples: 1, maxNewTokens: 4 },
      },
      { out },
    )
    expect(report!.sections).toEqual(['vision', 'reasoning', 'attention', 'weights', 'results', 'provenance'])
    expect(readdirSync(join(out, 'eval'))).toHaveLength(8)
    expect(done).toBe(16)
    if (!executablePath) return console.info('study: no Chromium found, the report is not opened')
    const browser = await launch()
    try {
      const page = await browser.newPage()
      const complaints: string[] = []
      page.on('console', (message) => complaints.push(message.text()))
      page.on('pageerror', (thrown) => complaints.push(thrown.message))
      await page.goto(pathToFileURL(report!.file).href)
      await page.waitForSelector('html[data-ready]', { state: 'attached' })
      expect(await page.locator('body').textContent()).toContain('never trained')
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
    }
  },
  600_000,
)
