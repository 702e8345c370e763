import { expect, test } from 'vitest'
import { roundHalfEven, smartResize } from '../../src/model/processor/smart-resize.ts'
import { readJson } from './fixture.ts'

test('sizes equal those of transformers: tiny, huge, half-way, limited and drawn at random', () => {
  const cases = readJson<number[][]>('processor/smart_resize.json')
  const got = cases.map(([height, width, factor, minPixels, maxPixels]) => {
    const size = smartResize(height!, width!, { factor, minPixels, maxPixels })
    return [height, width, factor, minPixels, maxPixels, size.height, size.width]
  })
  expect(got).toEqual(cases)
})

test('halves round to the even neighbour', () => {
  expect([0.5, 1.5, 2.5, 3.5, 2.4, 2.6, 3].map(roundHalfEven)).toEqual([0, 2, 2, 4, 2, 3, 3])
})

test('a side ratio above 200 is an error that names the image and its size; 200 is none', () => {
  expect(smartResize(1, 200)).toEqual({ height: 28, width: 812 })
  expect(() => smartResize(1, 201, {}, "image 'thread.png'")).toThrowError(
    expect.objectContaining({
      code: 'ERR_IMAGE',
      message: expect.stringContaining("image 'thread.png' is 201 × 1 pixels"),
    }),
  )
})

test.each([
  [0, 10, {}, 'height'],
  [10, 1.5, {}, 'width'],
  [10, 10, { minPixels: 100, maxPixels: 50 }, 'minPixels ≤ maxPixels'],
  [10, 10, { factor: 0 }, 'factor'],
])('impossible arguments are refused: %j × %j, %j', (height, width, limits, words) => {
  expect(() => smartResize(height, width, limits)).toThrowError(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(words) }),
  )
})
