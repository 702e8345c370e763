import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI from 'openai'
import { beforeAll, expect, test } from 'vitest'
import { compile, finish, inThisProcess, start } from '../cli/frankentorch.ts'
import { tiny } from '../native/models.ts'
import { temporaryDirectory } from '../native/temporary.ts'

const scratch = temporaryDirectory()
beforeAll(compile)

/** Starts `frankentorch serve` and gives its address once it listens. */
async function serving(words: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const child = start(['serve', '--model', tiny, '--port', '0', '--json', ...words], { env })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, ...(JSON.parse(String(line)) as { url: string; model: string }) }
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

test('the command serves until it is interrupted, lets a reply finish, and exits 130', async () => {
  const keys = join(scratch, 'keys')
  writeFileSync(keys, 'secret\n')
  const { child, url, model } = await serving(['--api-key-file', keys, '--name', 'small'])
  expect(model).toBe('small')
  const client = new OpenAI({ baseURL: url, apiKey: 'secret', maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'Say hi.' }]
  const stream = await client.chat.completions.create({ model, messages, max_tokens: 200, stream: true })
  let pieces = 0
  for await (const { choices } of stream) {
    if (pieces++ === 2) child.kill('SIGINT')
    if (choices[0]?.finish_reason) expect(['stop', 'length']).toContain(choices[0].finish_reason)
  }
  expect(pieces).toBeGreaterThan(3)
  expect(await finish(child)).toMatchObject({ code: 130, stderr: expect.not.stringContaining('error') })
}, 30_000)

test('wrong options end with what is wrong', async () => {
  const empty = join(scratch, 'empty')
  writeFileSync(empty, '\n')
  const serve = (...words: string[]) => inThisProcess(['serve', '--model', tiny, ...words])
  expect(await serve('--host', '0.0.0.0')).toMatchObject({ code: 2, stderr: expect.stringContaining('apiKeys') })
  expect(await serve('--api-key-file', empty)).toMatchObject({ code: 2, stderr: expect.stringContaining('is empty') })
  expect(await serve('--api-key-file', '/nowhere')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('ENOENT'),
  })
})

test('memory is flat from request 200 to 1,000', async () => {
  const { child, url, model } = await serving(['--max-rows', '8'], {
    NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=72',
  })
  const client = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0 })
  const photo = `data:image/png;base64,${readFileSync('test/fixtures/images/photo.png').toString('base64')}`
  const ask = (index: number) =>
    client.chat.completions.create({
      model,
      max_tokens: 4,
      messages: [
        {
          role: 'user',
          content: [
            // every fourth with an image
            ...(index % 4 === 0 ? [{ type: 'image_url' as const, image_url: { url: photo } }] : []),
            { type: 'text', text: `Question ${index}` },
          ],
        },
      ],
    })
  const until = async (from: number, to: number) => {
    let next = from
    const worker = async () => {
      while (next < to) await ask(next++)
    }
    await Promise.all(Array.from({ length: 4 }, worker))
    return residentMiB(child.pid!)
  }
  const [early, late] = [await until(0, 200), await until(200, 1000)]
  console.info(`serve: ${early.toFixed(0)} MiB after 200 requests, ${late.toFixed(0)} MiB after 1,000`)
  child.kill('SIGTERM')
  await finish(child)
  // V8's heap, which would grow by 25 MiB meanwhile before it collects, is held small. The images of 200 requests are 30 MiB of pixels.
  expect(late - early).toBeLessThan(16)
}, 120_000)
