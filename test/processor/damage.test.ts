import { expect, test } from 'vitest'
import { decodeImage } from '../../src/model/processor/image.ts'
import { readJson } from './fixture.ts'

const files = readJson<{ decoded: { file: string }[] }>('processor/pillow.json').decoded

test('a damaged image either decodes to as many bytes as its size says or is ERR_IMAGE', async () => {
  let state = 1
  const draw = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  let refused = 0
  for (let n = 0; n < 430; n++) {
    const bytes = Buffer.from(files[n % files.length]!.file, 'base64')
    for (let changes = 1 + draw(6); changes > 0; changes--) bytes[draw(bytes.length)] = draw(256)
    const damaged = n % 5 === 0 ? bytes.subarray(0, draw(bytes.length)) : bytes
    const outcome = await decodeImage(damaged).catch((thrown: unknown) => thrown)
    if (outcome instanceof Error) {
      refused++
      expect(outcome).toMatchObject({
        code: 'ERR_IMAGE',
        message: expect.stringMatching(/^Cannot read image of \d+ bytes: ./),
      })
    } else {
      const { data, width, height } = outcome as Awaited<ReturnType<typeof decodeImage>>
      expect(data.length).toBe(width * height * 3)
    }
  }
  expect(refused).toBeGreaterThan(100)
  expect(refused).toBeLessThan(430)
})
