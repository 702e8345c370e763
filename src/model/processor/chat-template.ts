import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Template } from '@huggingface/jinja'
import { z } from 'zod'
import { check } from '../../check.ts'
import { type JsonObject, readJsonObject } from '../../checkpoint/json.ts'
import { error, messageOf } from '../../errors.ts'
import { checkMessages, type Message } from './messages.ts'
import { readTokenizerConfig } from './tokenizer.ts'

export const TemplateOptions = z.strictObject({
  /** Ends the text with the opening of the assistant's turn; default false, as in transformers. */
  addGenerationPrompt: z.boolean().default(false),
  /** Numbers the images and videos ("Picture 1: "); default false. */
  addVisionId: z.boolean().default(false),
  /** Which template, of a checkpoint with several; default "default", or the only one. */
  template: z.string().optional(),
})
export type TemplateOptions = z.input<typeof TemplateOptions>

/** The chat templates of a checkpoint: Jinja programs that write a conversation as the text the model was trained on. */
export class ChatTemplate {
  readonly #directory: string
  readonly #templates: ReadonlyMap<string, Template>
  readonly #specialTokens: Record<string, unknown>

  private constructor(directory: string, templates: Map<string, Template>, specialTokens: Record<string, unknown>) {
    this.#directory = directory
    this.#templates = templates
    this.#specialTokens = specialTokens
  }

  /**
   * Reads the template from `chat_template.jinja`, `chat_template.json` or `tokenizer_config.json`, whichever comes first.
   * A directory without one loads; only rendering then fails. Throws `ERR_TOKENIZER` for a template that is not valid.
   */
  static async load(directory: string): Promise<ChatTemplate> {
    const config = (await readTokenizerConfig(directory)) ?? {}
    const templates = new Map<string, Template>()
    const tokens = specialTokens(config)
    for (const { name, source, file } of await findTemplates(directory, config)) {
      templates.set(name, parse(source, file, tokens))
    }
    return new ChatTemplate(directory, templates, tokens)
  }

  /**
   * The conversation as text, with one `<|image_pad|>` or `<|video_pad|>` for each image or video.
   * Throws `ERR_MESSAGES` for messages in another form or that the template refuses, `ERR_TOKENIZER` without a template.
   */
  render(messages: readonly Message[], options: TemplateOptions = {}): string {
    const { addGenerationPrompt, addVisionId, template } = check(TemplateOptions, options)
    const conversation = checkMessages(messages)
    const chosen = this.#choose(template)
    try {
      return chosen.render({
        ...this.#specialTokens,
        messages: conversation.map(forTemplate),
        add_generation_prompt: addGenerationPrompt,
        add_vision_id: addVisionId,
      })
    } catch (cause) {
      throw error(
        'ERR_MESSAGES',
        `The chat template of ${this.#directory} refuses these messages: ${messageOf(cause)}`,
        { cause },
      )
    }
  }

  #choose(name: string | undefined): Template {
    const only = this.#templates.size === 1 ? [...this.#templates.values()][0] : undefined
    const chosen = this.#templates.get(name ?? 'default') ?? (name === undefined ? only : undefined)
    if (chosen) return chosen
    const names = [...this.#templates.keys()]
    throw error(
      'ERR_TOKENIZER',
      names.length === 0
        ? `${this.#directory} has no chat template: expected chat_template.jinja, chat_template.json, or chat_template in tokenizer_config.json`
        : `${this.#directory} has no chat template '${name ?? 'default'}'; it has ${names.join(', ')} (option template)`,
    )
  }
}

interface Source {
  name: string
  source: string
  file: string
}

async function findTemplates(directory: string, tokenizerConfig: JsonObject): Promise<Source[]> {
  const jinja = join(directory, 'chat_template.jinja')
  const source = await readFile(jinja, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw error('ERR_TOKENIZER', `${jinja} cannot be read: ${cause.message}`, { cause })
  })
  if (source !== undefined) return [{ name: 'default', source, file: jinja }]
  const json = join(directory, 'chat_template.json')
  const own = await readJsonObject(json, 'ERR_TOKENIZER')
  if (own) return templatesIn(own, json)
  return templatesIn(tokenizerConfig, join(directory, 'tokenizer_config.json'))
}

const Field = z.object({
  chat_template: z
    .union([
      z.string(),
      z.array(z.object({ name: z.string(), template: z.string() })),
      z.record(z.string(), z.string()),
    ])
    .nullish(),
})

function templatesIn(json: JsonObject, file: string): Source[] {
  const { chat_template: field } = check(Field, json, file, 'ERR_TOKENIZER')
  if (field === undefined || field === null) return []
  if (typeof field === 'string') return [{ name: 'default', source: field, file }]
  if (Array.isArray(field)) return field.map(({ name, template }) => ({ name, source: template, file }))
  return Object.entries(field).map(([name, source]) => ({ name, source, file }))
}

// A filter or function the interpreter lacks shows only when the template runs, so it renders one greeting, in the form it prefers.
function parse(source: string, file: string, specialTokens: Record<string, unknown>): Template {
  const greeting = (content: Message['content']) => ({ ...specialTokens, messages: [{ role: 'user', content }] })
  try {
    const template = new Template(source)
    try {
      template.render(greeting([{ type: 'text', text: 'Hi' }]))
    } catch {
      template.render(greeting('Hi'))
    }
    return template
  } catch (cause) {
    throw error('ERR_TOKENIZER', `${file} is not a valid chat template: ${messageOf(cause)}`, { cause })
  }
}

const tokenNames = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']

function specialTokens(config: JsonObject): Record<string, unknown> {
  const tokens: Record<string, unknown> = {}
  for (const name of tokenNames) {
    const token = config[name]
    const text = typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token
    if (typeof text === 'string') tokens[name] = text
  }
  return tokens
}

// A template asks whether a part is an image, never for its pixels.
function forTemplate({ role, content }: Message): Record<string, unknown> {
  if (typeof content === 'string') return { role, content }
  return {
    role,
    content: content.map((part) => (part.type === 'text' ? part : { type: part.type, [part.type]: true })),
  }
}
