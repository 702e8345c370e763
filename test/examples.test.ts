import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { VisionLanguageModel } from '../src/model/model.ts'
import { fixture } from './processor/fixture.ts'
import { fixtureTrio } from './surgery/fixtures.ts'

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

  async 'steering-vector'() {
    const printed = await run('steering-vector', [model])
    expect(printed.map(([name]) => name)).toEqual(['plain:', 'steered:'])
    expect(printed[0]![1]).not.toBe(printed[1]![1])
  },

  async 'activation-patching'() {
    const printed = await run('activation-patching', [model])
    expect(printed).toHaveLength(5)
    // the last layer's last token is all that the answer is made of
    expect(printed.at(-1)).toEqual(['layer 4: 100.0 % of the answer restored'])
  },

  async 'logit-lens'() {
    const printed = (await run('logit-lens', [model])).map(([line]) => String(line))
    await using loaded = await VisionLanguageModel.load(model)
    const inputs = await loaded.processor({ text: ['The capital of France is'] })
    const { logits } = await loaded.forward(inputs)
    const answer = Number(await logits.select(1, -1).argmax().item())
    // through the last layer the lens sees what the model answers
    expect(printed.at(-1)).toContain(JSON.stringify(loaded.processor.tokenizer.decode([answer])))
  },

  async 'attribution-patching'() {
    const printed = await run('attribution-patching', [model])
    expect(printed).toHaveLength(5)
    const effects = printed.map(([, line]) => String(line).split(' ').map(Number))
    expect(effects.flat().every(Number.isFinite)).toBe(true)
    // equal tokens before the first difference have no effect, and of the last layer only the last token has one
    expect(effects.every(([first]) => first === 0)).toBe(true)
    expect(
      effects
        .at(-1)!
        .slice(0, -1)
        .every((effect) => effect === 0),
    ).toBe(true)
    expect(effects.at(-1)!.at(-1)).not.toBe(0)
  },

  async 'linear-probe'() {
    const printed = await run('linear-probe', [model])
    const [loss, accuracy] = printed.map(([line]) => String(line))
    expect(Number(/[\d.]+$/.exec(loss!)![0])).toBeLessThan(Math.log(2))
    expect(Number(/fitted ([\d.]+)/.exec(accuracy!)![1])).toBeGreaterThan(0.9)
  },

  async 'http-handler'() {
    const listening = new Promise<{ port: number }>((resolve) => {
      vi.spyOn(console, 'log').mockImplementation((_, address) => resolve(address))
    })
    process.argv = [...programName, model, '0']
    const { close } = await import('../examples/http-handler.ts')
    const { port } = await listening
    const ask = (signal?: AbortSignal) =>
      fetch(`http://localhost:${port}`, { method: 'POST', body: 'Count the shapes.', signal })
    await using loaded = await VisionLanguageModel.load(model)
    const wanted = await loaded.generate([{ role: 'user', content: 'Count the shapes.' }], { maxNewTokens: 64 })
    const [one, other] = await Promise.all([ask(), ask()])
    expect([await one.text(), await other.text()]).toEqual([wanted.text, wanted.text])
    const stop = new AbortController()
    const hungUp = ask(stop.signal).catch((thrown) => thrown.name)
    stop.abort()
    expect(await hungUp).toBe('AbortError')
    await close()
    await expect(ask()).rejects.toThrow()
  },

  async splice() {
    const { root, models } = fixtureTrio()
    const printed = await run('splice', [models.in, models.rl, join(root, 'spliced')])
    expect(printed).toEqual([
      [expect.stringMatching(/^RL changed the (early|middle|late) third most$/)],
      [expect.stringMatching(/^\d\d parameters came from RL$/)],
    ])
  },

  async 'train-frozen'() {
    const data = join(scratch, 'train.jsonl')
    const prompt = {
      id: '0',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', image: photo },
            { type: 'text', text: 'Red?' },
          ],
        },
      ],
      answer: 'yes',
    }
    writeFileSync(data, JSON.stringify(prompt))
    const printed = await run('train-frozen', [model, data, join(scratch, 'frozen'), '1'])
    expect(printed.map(([block]) => block)).toEqual(['early', 'middle', 'late'])
    for (const [, reward] of printed) expect(reward).toEqual(expect.any(Number))
  },
}

test('every example is run here', () => {
  const files = readdirSync(new URL('../examples', import.meta.url)).map((file) => file.replace(/\.ts$/, ''))
  expect(Object.keys(examples).sort()).toEqual(files.sort())
})

test.each(Object.entries(examples))('%s', (_, check) => check(), 30_000)
