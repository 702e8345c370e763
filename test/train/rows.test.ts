import { expect, test } from 'vitest'
import type { VisionLanguageModel } from '../../src/model/model.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { DecodedImages } from '../../src/train/decoded-images.ts'
import { type PreparedRows, RowsAhead } from '../../src/train/rows.ts'

// A processor whose images are `bytes` pixels of one byte, and which counts what it decodes.
function decoder(bytes: number) {
  const decoded: string[] = []
  const processVisionInfo = async ([message]: Message[]) => {
    const [part] = message!.content as { image: string }[]
    if (part!.image === 'missing.png') throw new Error('no such file')
    decoded.push(part!.image)
    return { images: [{ data: new Uint8Array(bytes), width: bytes, height: 1 }], videos: [] }
  }
  return { decoded, model: { processor: { processVisionInfo } } as unknown as VisionLanguageModel }
}

const showing = (image: string): Message[] => [
  {
    role: 'user',
    content: [
      { type: 'image', image },
      { type: 'text', text: 'What is it?' },
    ],
  },
  { role: 'assistant', content: 'A dot.' },
]

test('an image that comes again is not decoded again, and its pixels take the place of its path', async () => {
  const { decoded, model } = decoder(6)
  const images = new DecodedImages()
  await Promise.all([images.in(model, showing('a.png')), images.in(model, showing('a.png'))])
  const [user, assistant] = await images.in(model, showing('a.png'))
  expect(decoded).toEqual(['a.png'])
  expect(user!.content).toEqual([
    { type: 'image', image: { data: new Uint8Array(6), width: 6, height: 1, channels: 3 } },
    { type: 'text', text: 'What is it?' },
  ])
  expect(assistant).toEqual({ role: 'assistant', content: 'A dot.' })
})

test('beyond the limit the image used longest ago is dropped', async () => {
  const { decoded, model } = decoder(6)
  const images = new DecodedImages(12)
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await images.in(model, showing(name))
  expect(decoded).toEqual(['a', 'b', 'c', 'b'])
})

test('an image that cannot be read is tried again', async () => {
  const { model } = decoder(6)
  const images = new DecodedImages()
  await expect(images.in(model, showing('missing.png'))).rejects.toThrow('no such file')
  await expect(images.in(model, showing('missing.png'))).rejects.toThrow('no such file')
})

function rowsOf(steps: number, failing = -1) {
  const made: number[] = []
  const disposed: number[] = []
  const ahead = new RowsAhead((step) => {
    if (step >= steps) return undefined
    made.push(step)
    if (step === failing) return Promise.reject(new Error(`step ${step}`))
    const rows: PreparedRows = { rows: [], [Symbol.dispose]: () => void disposed.push(step) }
    return Promise.resolve(rows)
  })
  return { ahead, made, disposed }
}

test('the rows of the next step are made while those of the last are used, and none behind the end', async () => {
  const { ahead, made, disposed } = rowsOf(3)
  await ahead.of(1)
  expect(made).toEqual([1, 2])
  await ahead.of(2)
  expect(made).toEqual([1, 2])
  await ahead[Symbol.asyncDispose]()
  expect(disposed).toEqual([])
})

test('rows made ahead and never used are freed', async () => {
  const { ahead, made, disposed } = rowsOf(9)
  await ahead.of(0)
  await ahead.of(5)
  await ahead[Symbol.asyncDispose]()
  expect(made).toEqual([0, 1, 5, 6])
  expect(disposed).toEqual([1, 6])
})

test('rows that cannot be made fail the step that needs them', async () => {
  const { ahead } = rowsOf(3, 1)
  await ahead.of(0)
  await expect(ahead.of(1)).rejects.toThrow('step 1')
  await ahead[Symbol.asyncDispose]()
})
