import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openEndpoint, openJudge } from '../../src/judge/index.ts'
import { decodeImage } from '../../src/model/processor/image.ts'
import { fixture } from '../processor/fixture.ts'
import { type Outcome, scriptedEndpoint, textOf } from './scripted-endpoint.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-judge-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const photo = fixture('images/photo.png')
const reply = { question: 'What is 3 + 4?', response: 'It is seven.', answer: '7' }

describe('an endpoint', () => {
  test('gets the conversation greedily, images as PNG without loss, and the first model it lists', async () => {
    await using endpoint = await scriptedEndpoint(() => ({ text: 'a cat', finish_reason: 'length' }))
    const { model, chat } = await openEndpoint({ url: endpoint.url, apiKey: 'secret' })
    expect(model).toBe('scripted')
    const content = [
      { type: 'image' as const, image: photo },
      { type: 'text' as const, text: 'What is it?' },
    ]
    const replied = await chat(
      [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content },
      ],
      { maxTokens: 9 },
    )
    expect(replied).toEqual({ text: 'a cat', finishReason: 'length', promptTokens: 7, replyTokens: 3 })
    const [request] = endpoint.requests
    expect(request).toMatchObject({ model: 'scripted', max_tokens: 9, temperature: 0 })
    expect(request!.messages[0]).toEqual({ role: 'system', content: 'Be brief.' })
    expect(endpoint.authorizations).toEqual(['Bearer secret'])
    const [image, text] = request!.messages[1]!.content as [{ image_url: { url: string } }, object]
    expect(text).toEqual({ type: 'text', text: 'What is it?' })
    expect(image.image_url.url).toMatch(/^data:image\/png;base64,/)
    expect(await decodeImage(image.image_url.url)).toEqual(await decodeImage(photo))
  })

  test.each<[string, Outcome]>([
    ['overload', { status: 429 }],
    ['a fault of its own', { status: 503 }],
    ['a lost connection', 'hang up'],
  ])('is asked again after %s', async (_, outcome) => {
    await using endpoint = await scriptedEndpoint((_, turn) => (turn < 2 ? outcome : 'at last'))
    const { chat } = await openEndpoint({ url: endpoint.url })
    expect((await chat([{ role: 'user', content: 'x' }], { maxTokens: 1 })).text).toBe('at last')
    expect(endpoint.requests).toHaveLength(3)
  })

  test.each([
    [{ status: 500 }, 'ERR_ENDPOINT', 3],
    [{ status: 401 }, 'ERR_ENDPOINT', 1],
    [{ status: 404 }, 'ERR_ENDPOINT', 1],
    [{ status: 400 }, 'ERR_ENDPOINT_REQUEST', 1],
    [{ status: 413 }, 'ERR_ENDPOINT_REQUEST', 1],
  ])('that answers %j for good fails with %s after %d requests', async (outcome, code, tries) => {
    await using endpoint = await scriptedEndpoint(() => outcome)
    const { chat } = await openEndpoint({ url: endpoint.url, maxRetries: 2 })
    const error = await chat([{ role: 'user', content: 'x' }], { maxTokens: 1 }).catch((thrown) => thrown)
    expect(error).toMatchObject({ code })
    expect(error.message).toContain(`${endpoint.url}: ${outcome.status}`)
    expect(endpoint.requests).toHaveLength(tries)
  })

  test('that is not there fails at once, with the reason and the address', async () => {
    const endpoint = await scriptedEndpoint(() => '')
    await endpoint.close()
    const error = await openEndpoint({ url: endpoint.url, maxRetries: 0 }).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_ENDPOINT' })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+.*ECONNREFUSED/)
    await expect(openEndpoint({ url: 'localhost' })).rejects.toThrow(/Expected an http\(s\) URL/)
  })

  test('an abort ends a request that is under way', async () => {
    const controller = new AbortController()
    await using endpoint = await scriptedEndpoint(async () => {
      controller.abort()
      await new Promise((resolve) => setTimeout(resolve, 20))
      return 'late'
    })
    const { chat } = await openEndpoint({ url: endpoint.url })
    const asked = chat([{ role: 'user', content: 'x' }], { maxTokens: 1, signal: controller.signal })
    await expect(asked).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })

  test('gets no more requests at once than it is said to take', async () => {
    await using endpoint = await scriptedEndpoint(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      return 'ok'
    })
    const { chat } = await openEndpoint({ url: endpoint.url, concurrency: 3 })
    await Promise.all(Array.from({ length: 12 }, (_, i) => chat([{ role: 'user', content: `${i}` }], { maxTokens: 1 })))
    expect(endpoint.requests).toHaveLength(12)
    expect(endpoint.mostAtOnce()).toBe(3)
  })
})

describe('a judge', () => {
  test.each([
    ['correct', true],
    ['Incorrect.', false],
    ['**Correct**', true],
    ['The reply says 7, so it is correct.', true],
    ['At first it looks correct, but: incorrect', false],
    ['It is not correct', 'unknown'],
    ['I cannot say', 'unknown'],
    ['', 'unknown'],
  ])('whose verdict is "%s" says %s', async (said, correct) => {
    await using endpoint = await scriptedEndpoint(() => said)
    const judge = await openJudge({ url: endpoint.url })
    expect(await judge.grade(reply)).toEqual({ correct, said })
    const text = textOf(endpoint.requests[0]!)
    for (const part of ['What is 3 + 4?', 'It is seven.', 'Right answer:\n7']) expect(text).toContain(part)
  })

  test('extracts an answer, or none, and lists the choices it may be', async () => {
    await using endpoint = await scriptedEndpoint((_, turn) => (turn === 0 ? ' 7 ' : 'None.'))
    const judge = await openJudge({ url: endpoint.url })
    expect(await judge.extract({ ...reply, choices: ['6', '7'] })).toBe('7')
    expect(textOf(endpoint.requests[0]!)).toContain('A. 6\nB. 7')
    expect(await judge.extract(reply)).toBe('')
  })

  test('is asked once for equal content, in one process and the next, whatever the name of the image', async () => {
    await using endpoint = await scriptedEndpoint((_, turn) => `description ${turn}`)
    const options = { url: endpoint.url, cache: join(scratch, 'cache') }
    const judge = await openJudge(options)
    const copy = join(scratch, 'copy.png')
    writeFileSync(copy, readFileSync(photo))
    expect(await Promise.all([judge.describe(photo), judge.describe(copy)])).toEqual(['description 0', 'description 0'])
    expect(await (await openJudge(options)).describe(readFileSync(photo))).toBe('description 0')
    expect(await judge.describe(fixture('images/pair-source.png'))).toBe('description 1')
    expect(endpoint.requests).toHaveLength(2)
    // another model is another judge
    expect(await (await openJudge({ ...options, model: 'other' })).describe(photo)).toBe('description 2')
    expect(readdirSync(options.cache).every((name) => /^[0-9a-f]{64}\.json$/.test(name))).toBe(true)
  })

  test('does not keep a failure, and asks again where its cache is damaged', async () => {
    await using endpoint = await scriptedEndpoint((_, turn) => (turn === 0 ? { status: 400 } : 'seven'))
    const cache = join(scratch, 'damaged')
    const judge = await openJudge({ url: endpoint.url, cache })
    await expect(judge.extract(reply)).rejects.toMatchObject({ code: 'ERR_ENDPOINT_REQUEST' })
    expect(await judge.extract(reply)).toBe('seven')
    writeFileSync(join(cache, readdirSync(cache)[0]!), '{"text":')
    expect(await judge.extract(reply)).toBe('seven')
    expect(endpoint.requests).toHaveLength(3)
  })
})
