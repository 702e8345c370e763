import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { error } from '../../src/errors.ts'
import type { VisionLanguageModel } from '../../src/model/model.ts'

interface Prompt {
  image: string
  imageGridThw: number[][]
}
interface Swap {
  point: string
  steps: string
  tensors: string
  resample: boolean
  source: { inputs: Prompt }
}
interface SweepOptions {
  maxNewTokens: number
}
type Message = { content: [{ image: string }, { text: string }] }

/**
 * A model of four layers that reads an image's file name as its content. A swap below layer `sees` makes it answer for the source.
 * Images named `broken` cannot be read, `wide` ones have another grid, and `crash` ones fail at the swap from layer 2.
 */
export function fakeModel({ sees = 2, replies }: { sees?: number; replies?: Record<string, string> } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'frankentorch-fake-'))
  writeFileSync(join(directory, 'config.json'), '{}')
  const calls: { image: string; swap?: Swap }[] = []
  let live = 0
  const tensor = () => {
    live++
    return { dispose: () => live-- }
  }
  const answer = ({ image }: Prompt, swap: Swap | undefined) => {
    calls.push({ image, swap })
    if (swap === undefined) return { text: replies?.[image] ?? `It is ${image}` }
    const layer = Number(swap.point.match(/\[(\d+):\d+\]/)![1])
    if (image.includes('crash') && layer === 2) throw new Error('out of luck')
    const seen = layer < sees ? swap.source.inputs.image : image
    return { text: replies?.[seen] ?? `It is ${seen}` }
  }
  const model = {
    directory,
    dtype: 'float32',
    config: { numHiddenLayers: 4, vision: { patchSize: 14 }, architecture: 'Qwen2_5_VLForConditionalGeneration' },
    processor: {
      prepare: async ([message]: [Message]): Promise<Prompt & { pixelValues: object }> => {
        const name = message.content[0].image.split('/').at(-1)!
        if (name.includes('broken')) throw error('ERR_IMAGE', `Cannot read ${name}`)
        return { image: name, pixelValues: tensor(), imageGridThw: [[1, 4, name.includes('wide') ? 8 : 4]] }
      },
    },
    prefill: async (inputs: Prompt) => {
      const held = tensor()
      return { inputs, keysValues: {}, [Symbol.dispose]: () => held.dispose() }
    },
    sweep: async (prompt: Prompt, configurations: Swap[][], _: SweepOptions) =>
      configurations.map(([swap]) => answer(prompt, swap)),
  }
  return { model: model as unknown as VisionLanguageModel, calls, liveTensors: () => live }
}
