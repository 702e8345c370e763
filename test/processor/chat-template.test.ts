import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ChatTemplate } from '../../src/model/processor/chat-template.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { cases, fixture, readJson } from './fixture.ts'

interface Conversation {
  name: string
  messages: Message[]
  add_generation_prompt: boolean
  add_vision_id: boolean
  text: string
}

const hi: Message[] = [{ role: 'user', content: 'Hi' }]

test.each(readJson<Conversation[]>('processor/conversations.json'))(
  '$name, add_generation_prompt $add_generation_prompt: the text is that of transformers',
  async ({ messages, add_generation_prompt, add_vision_id, text }) => {
    const template = await ChatTemplate.load(fixture('models/hub-tied'))
    expect(template.render(messages, { addGenerationPrompt: add_generation_prompt, addVisionId: add_vision_id })).toBe(
      text,
    )
  },
)

test('every prompt of the parity cases is rendered alike, from each place a template is kept', async () => {
  for (const [name, { model, messages, add_vision_id, text }] of cases) {
    const template = await ChatTemplate.load(fixture(`models/${model}`))
    expect([name, template.render(messages, { addGenerationPrompt: true, addVisionId: add_vision_id })]).toEqual([
      name,
      text,
    ])
  }
})

describe('where a template is found', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'frankentorch-template-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  const config = (content: object) => writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify(content))
  const render = async (options = {}) => (await ChatTemplate.load(directory)).render(hi, options)

  test('none: loading is fine, rendering says where one was looked for', async () => {
    await expect(render()).rejects.toMatchObject({
      code: 'ERR_TOKENIZER',
      message: expect.stringContaining('has no chat template: expected chat_template.jinja'),
    })
  })

  test('tokenizer_config.json: one, or several by name', async () => {
    await config({ chat_template: 'one {{ messages[0].content }}' })
    expect(await render()).toBe('one Hi')
    const named = (name: string) => ({ name, template: `${name} {{ messages[0].content }}` })
    await config({ chat_template: [named('default'), named('rag')] })
    expect([await render(), await render({ template: 'rag' })]).toEqual(['default Hi', 'rag Hi'])
    await expect(render({ template: 'tool' })).rejects.toMatchObject({
      code: 'ERR_TOKENIZER',
      message: expect.stringContaining("'tool'; it has default, rag"),
    })
    await config({ chat_template: [named('rag'), named('tool')] })
    await expect(render()).rejects.toMatchObject({ code: 'ERR_TOKENIZER' })
  })

  test('chat_template.json goes before tokenizer_config.json, and chat_template.jinja before both', async () => {
    await writeFile(join(directory, 'chat_template.json'), JSON.stringify({ chat_template: 'json' }))
    expect(await render()).toBe('json')
    await writeFile(join(directory, 'chat_template.jinja'), 'jinja\n')
    expect(await render()).toBe('jinja')
  })

  test.each([
    ['{% if %}', 'not a valid chat template'],
    ['{{ messages | no_such_filter }}', 'not a valid chat template'],
  ])('a template that cannot run, %s, is ERR_TOKENIZER naming the file', async (source, words) => {
    await writeFile(join(directory, 'chat_template.jinja'), source)
    await expect(render()).rejects.toMatchObject({
      code: 'ERR_TOKENIZER',
      message: expect.stringMatching(`chat_template.jinja.*${words}`),
    })
  })

  test('messages that the template refuses are ERR_MESSAGES with its reason', async () => {
    await writeFile(
      join(directory, 'chat_template.jinja'),
      "{% if messages[0].role == 'system' %}{{ raise_exception('no system prompts here') }}{% endif %}ok",
    )
    const template = await ChatTemplate.load(directory)
    expect(template.render(hi)).toBe('ok')
    expect(() => template.render([{ role: 'system', content: 'x' }])).toThrowError(
      expect.objectContaining({ code: 'ERR_MESSAGES', message: expect.stringContaining('no system prompts here') }),
    )
  })

  test('special tokens of tokenizer_config.json are known to the template', async () => {
    await writeFile(join(directory, 'chat_template.jinja'), '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}')
    await config({ bos_token: '<s>', eos_token: { content: '</s>' } })
    expect(await render()).toBe('<s>Hi</s>')
  })
})

test('an unknown option is named', async () => {
  const template = await ChatTemplate.load(fixture('models/hub-tied'))
  expect(() => template.render(hi, { add_generation_prompt: true } as object)).toThrowError(
    expect.objectContaining({ code: 'ERR_UNKNOWN_OPTION' }),
  )
})
