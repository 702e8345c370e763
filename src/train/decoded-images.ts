import type { VisionLanguageModel } from '../model/model.ts'
import type { Content, ImagePart, Message } from '../model/processor/messages.ts'

type Decoded = Awaited<ReturnType<VisionLanguageModel['processor']['processVisionInfo']>>['images'][number]

/**
 * Images of files as they were decoded, the least recently used dropped beyond so many bytes: small images, which training comes back to every epoch,
 * take longer to decode than the step of a small model lasts.
 */
export class DecodedImages {
  readonly #limit: number
  readonly #images = new Map<string, Promise<Decoded>>()
  readonly #sizes = new Map<string, number>()
  #bytes = 0

  constructor(limit = 256 * 2 ** 20) {
    this.#limit = limit
  }

  /** `messages` with pixels in the place of paths. Rejects as `processVisionInfo` does. */
  async in(
    { processor }: VisionLanguageModel,
    messages: readonly Message[],
    options: { signal?: AbortSignal } = {},
  ): Promise<Message[]> {
    const decode = (path: string) => this.#decoded(path, () => decodedBy(processor, path, options))
    const part = async (content: Content): Promise<Content> =>
      content.type === 'image' && typeof content.image === 'string'
        ? { ...content, image: raw(await decode(content.image)) }
        : content
    return Promise.all(
      messages.map(async (message) => {
        const { content } = message
        return typeof content === 'string' ? message : { ...message, content: await Promise.all(content.map(part)) }
      }),
    )
  }

  #decoded(path: string, decode: () => Promise<Decoded>): Promise<Decoded> {
    const known = this.#images.get(path)
    const image = known ?? decode()
    // The last in the order of a Map is the one used last.
    this.#images.delete(path)
    this.#images.set(path, image)
    if (!known) this.#count(path, image)
    return image
  }

  #count(path: string, image: Promise<Decoded>): void {
    image.then(
      ({ data }) => {
        if (this.#images.get(path) !== image) return
        this.#sizes.set(path, data.length)
        this.#bytes += data.length
        for (const oldest of this.#images.keys()) {
          if (this.#bytes <= this.#limit) break
          this.#drop(oldest)
        }
      },
      () => this.#images.get(path) === image && this.#drop(path),
    )
  }

  #drop(path: string): void {
    this.#bytes -= this.#sizes.get(path) ?? 0
    this.#sizes.delete(path)
    this.#images.delete(path)
  }
}

async function decodedBy(
  processor: VisionLanguageModel['processor'],
  path: string,
  options: { signal?: AbortSignal },
): Promise<Decoded> {
  const { images } = await processor.processVisionInfo(
    [{ role: 'user', content: [{ type: 'image', image: path }] }],
    options,
  )
  return images[0]!
}

function raw({ data, width, height }: Decoded): ImagePart['image'] {
  return { data, width, height, channels: 3 }
}
