import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { VisionLanguageModel } from '../src/model/model.ts'
import { fixture } from './processor/fixture.ts'

const model = fixture('models/hub-tied')
const photo = fixture('images/photo.png')
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-examples-'))
const programName = process.argv.slice(0, 2)
afterAll(() => rmSync(scratch, { recursive: true }))
afterEach(() => {
  process.argv = programName
  vi.restoreAllMocks()
})

/** What an example prints when it is run with these arguments. */
async function run(name: string, arguments_: readonly string[]): Promise<unknown[][]> {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(console, 'error').mockImplementation(() => {})
  process.argv = [...programName, ...arguments_]
  await import(`../examples/${name}.ts`)
  return printed.mock.calls
}

const examples: Record<string, () => Promise<void>> = {
  async 'quick-start'() {
    const [[printed] = []] = await run('quick-start', [model, photo, 'Count the shapes.'])
    await using loaded = await VisionLanguageModel.load(model)
    const content = [
      { type: 'image' as const, image: photo },
      { type: 'text' as const, text: 'Count the shapes.' },
    ]
    expect(printed).toEqual([(await loaded.generate([{ role: 'user', content }])).text])
  },

  async 'probe-vision'() {
    const data = join(scratch, 'swap')
    mkdirSync(join(data, 'counting'), { recursive: true })
    const [target_image, source_image] = ['pair-target.png', 'pair-source.png']
    for (const image of [target_image, source_image]) cpSync(fixture(`images/${image}`), join(data, 'counting', image))
    const pair = { target_image, source_image }
    writeFileSync(join(data, 'counting/data.jsonl'), JSON.stringify({ id: '0', ...pair, prompt: 'Is it round?' }))
    const printed = await run('probe-vision', [model, data, join(scratch, 'out')])
    expect(printed[0]).toEqual(['counting', expect.stringMatching(/^(hardly )?reads the image/)])
    expect(printed.at(-1)).toEqual(['0 pairs failed'])
  },
}

test('every example is run here', () => {
  const files = readdirSync(new URL('../examples', import.meta.url)).map((file) => file.replace(/\.ts$/, ''))
  expect(Object.keys(examples).sort()).toEqual(files.sort())
})

test.each(Object.entries(examples))('%s', (_, check) => check(), 30_000)
