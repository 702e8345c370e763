import { z } from 'zod'
import { check } from '../../check.ts'
import { error } from '../../errors.ts'
import type { Inputs } from '../inputs.ts'
import { ChatTemplate, TemplateOptions } from './chat-template.ts'
import { ImageOptions } from './image-source.ts'
import type { Message } from './messages.ts'
import { expandPads } from './pads.ts'
import { gridOf, pixelValues, type Visual } from './pixels.ts'
import { type PreprocessorConfig, readPreprocessorConfig } from './preprocessor-config.ts'
import { type ProcessorRequest, readRequest } from './request.ts'
import { type DecodeOptions, Tokenizer } from './tokenizer.ts'
import { conversationsOf, processVisionInfo, type VisionInfo } from './vision-info.ts'

const ProcessorOptions = ImageOptions.omit({ signal: true }).extend({
  /** Limits, in pixels, for images and videos that name none themselves; default those of the checkpoint. */
  minPixels: z.int().min(1).optional(),
  maxPixels: z.int().min(1).optional(),
})
export type ProcessorOptions = z.input<typeof ProcessorOptions>

const PrepareOptions = TemplateOptions.extend({
  addGenerationPrompt: z.boolean().default(true),
  signal: z.instanceof(AbortSignal).optional(),
})
export type PrepareOptions = z.input<typeof PrepareOptions>

/**
 * What stands between messages and a model: chat template, tokenizer, images. Called as a function it makes the inputs of a
 * batch from texts and the images and videos they leave room for.
 */
export interface Processor {
  /**
   * Token ids and pixels for `text` (one or several), with the images and videos of all texts in order.
   * Throws `ERR_MESSAGES` when their number is not that of the pads in the texts, or for images given to a text-only model.
   */
  (request: ProcessorRequest): Promise<Inputs>
  readonly directory: string
  readonly tokenizer: Tokenizer
  /** The conversation as text (`ChatTemplate.render`). */
  applyChatTemplate(messages: readonly Message[], options?: TemplateOptions): string
  /** The images and videos of one or several conversations, decoded under the options of this processor. */
  processVisionInfo(
    messages: readonly Message[] | readonly Message[][],
    options?: { signal?: AbortSignal },
  ): Promise<VisionInfo>
  /** Texts of rows of token ids; special tokens are kept unless `skipSpecialTokens`. */
  batchDecode(ids: readonly (readonly number[])[], options?: DecodeOptions): string[]
  /** All steps at once, for one conversation or a batch; the text ends with the opening of the assistant's turn. */
  prepare(messages: readonly Message[] | readonly Message[][], options?: PrepareOptions): Promise<Inputs>
}

/**
 * The processor of a checkpoint directory: `tokenizer.json`, `tokenizer_config.json`, its chat template, and
 * `preprocessor_config.json` (without which the model is text-only).
 * Throws `ERR_TOKENIZER` or `ERR_CHECKPOINT_CONFIG` for files that are missing or malformed.
 */
export async function createProcessor(directory: string, options: ProcessorOptions = {}): Promise<Processor> {
  const { minPixels, maxPixels, ...imageOptions } = check(ProcessorOptions, options)
  const [tokenizer, template, config] = await Promise.all([
    Tokenizer.load(directory),
    ChatTemplate.load(directory),
    readPreprocessorConfig(directory, { minPixels, maxPixels }),
  ])

  function configOf(kind: 'image' | 'video'): PreprocessorConfig {
    if (config) return config[kind]
    throw error(
      'ERR_MESSAGES',
      `Expected text alone but received a${kind === 'image' ? 'n image' : ' video'}: ${directory} has no preprocessor_config.json, so its model is text-only`,
    )
  }

  async function makeInputs(request: ProcessorRequest): Promise<Inputs> {
    const { texts, images, videos } = await readRequest(request, imageOptions)
    const stills: Visual[] = images.map((image) => ({ ...image, frames: [image] }))
    const inputs: Inputs = { inputIds: texts.map((text) => tokenizer.encode(text)) }
    const imageGrids = stills.map((still) => gridOf(still, configOf('image')))
    const videoGrids = videos.map((video) => gridOf(video, configOf('video')))
    for (const [kind, grids] of [
      ['image', imageGrids],
      ['video', videoGrids],
    ] as const) {
      const counts = grids.map(([t, h, w]) => (t! * h! * w!) / configOf(kind).mergeSize ** 2)
      inputs.inputIds = expandPads(inputs.inputIds, kind, counts, tokenizer)
    }
    if (stills.length > 0) {
      inputs.imageGridThw = imageGrids
      inputs.pixelValues = await pixelValues(stills, configOf('image'))
    }
    if (videos.length > 0) {
      inputs.videoGridThw = videoGrids
      inputs.secondPerGridTs = videos.map(({ fps }) => configOf('video').temporalPatchSize / fps)
      inputs.pixelValuesVideos = await pixelValues(videos, configOf('video'))
    }
    return inputs
  }

  return Object.assign(makeInputs, {
    directory,
    tokenizer,
    applyChatTemplate: (messages: readonly Message[], options?: TemplateOptions) => template.render(messages, options),
    processVisionInfo: (
      messages: readonly Message[] | readonly Message[][],
      { signal }: { signal?: AbortSignal } = {},
    ) => processVisionInfo(messages, { ...imageOptions, signal }),
    batchDecode: (ids: readonly (readonly number[])[], options?: DecodeOptions) =>
      check(z.array(z.array(z.int().min(0))), ids, 'ids').map((row) => tokenizer.decode(row, options)),
    async prepare(messages: readonly Message[] | readonly Message[][], options: PrepareOptions = {}) {
      const { signal, ...templateOptions } = check(PrepareOptions, options)
      const conversations = conversationsOf(messages)
      const text = conversations.map((conversation) => template.render(conversation, templateOptions))
      return makeInputs({ text, ...(await processVisionInfo(conversations, { ...imageOptions, signal })) })
    },
  })
}
