import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headerLength, parseSafetensorsHeader, readSafetensorsHeader } from '../../src/checkpoint/safetensors.ts'
import { FrankentorchError } from '../../src/errors.ts'
import { safetensorsBytes, temporaryDirectory } from './files.ts'

const f32 = (shape: unknown, data_offsets: unknown) => ({ dtype: 'F32', shape, data_offsets })

function parse(bytes: Buffer) {
  const length = headerLength(bytes.subarray(0, 8), bytes.length, 'x.safetensors')
  return parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length, 'x.safetensors')
}

test('a header gives names, dtypes, shapes and absolute offsets in the order of the data', () => {
  const header = {
    __metadata__: { format: 'pt' },
    b: { dtype: 'BF16', shape: [3], data_offsets: [8, 14] },
    a: f32([2, 1], [0, 8]),
    empty: f32([0, 7], [14, 14]),
    scalar: { dtype: 'U8', shape: [], data_offsets: [14, 15] },
  }
  const bytes = safetensorsBytes(header, 15)
  const begin = bytes.length - 15
  const { tensors, metadata, size } = parse(bytes)
  expect(metadata).toEqual({ format: 'pt' })
  expect(size).toBe(bytes.length)
  expect(tensors).toEqual([
    { storedName: 'a', dtype: 'float32', shape: [2, 1], begin, end: begin + 8 },
    { storedName: 'b', dtype: 'bfloat16', shape: [3], begin: begin + 8, end: begin + 14 },
    { storedName: 'empty', dtype: 'float32', shape: [0, 7], begin: begin + 14, end: begin + 14 },
    { storedName: 'scalar', dtype: 'uint8', shape: [], begin: begin + 14, end: begin + 15 },
  ])
})

const corrupt: [string, Buffer, RegExp][] = [
  ['an empty file', Buffer.alloc(0), /at least 8 bytes but found 0/],
  ['a file of 7 bytes', Buffer.alloc(7), /at least 8 bytes but found 7/],
  [
    'a header longer than the file',
    safetensorsBytes('{}', 0, 3n),
    /header of 3 bytes but the file ends after 2.*download/,
  ],
  ['a header longer than the format allows', safetensorsBytes('{}', 0, 100_000_001n), /at most 100000000 bytes/],
  ['a header length of 2^64 - 1', safetensorsBytes('{}', 0, 2n ** 64n - 1n), /at most 100000000 bytes/],
  ['a header that does not begin with {', safetensorsBytes(' {}'), /begin with '{'/],
  ['an empty header', safetensorsBytes(''), /begin with '{'/],
  ['a header that is not JSON', safetensorsBytes('{"a":'), /not valid JSON/],
  [
    'a header that is not UTF-8',
    Buffer.concat([safetensorsBytes('', 0, 4n), Buffer.from([0x7b, 0xff, 0xfe, 0x7d])]),
    /not valid JSON/,
  ],
  ['something after the object', safetensorsBytes('{}{}'), /not valid JSON/],
  [
    'a name that occurs twice',
    safetensorsBytes(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      1,
    ),
    /'a' occurs twice/,
  ],
  [
    'a field that occurs twice',
    safetensorsBytes('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
    /'dtype' occurs twice/,
  ],
  ['metadata that is no object', safetensorsBytes({ __metadata__: [] }), /__metadata__/],
  ['metadata with a number', safetensorsBytes({ __metadata__: { format: 1 } }), /__metadata__.*"format":1/],
  ['an entry that is no object', safetensorsBytes({ a: 3 }), /x\.safetensors: a: expected an object but found 3/],
  ['an entry with an unknown field', safetensorsBytes({ a: { ...f32([], [0, 4]), stride: [] } }, 4), /'stride'/],
  [
    'an entry without dtype',
    safetensorsBytes({ a: { shape: [], data_offsets: [0, 4] } }, 4),
    /a: expected a dtype but found nothing/,
  ],
  ['an entry without shape', safetensorsBytes({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /a: expected a shape/],
  ['a negative dimension', safetensorsBytes({ a: f32([-1], [0, 4]) }, 4), /a: expected a shape.*\[-1\]/],
  ['a fractional dimension', safetensorsBytes({ a: f32([0.5], [0, 2]) }, 2), /a: expected a shape/],
  [
    'a dimension above 2^53',
    safetensorsBytes('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4),
    /a: expected a shape/,
  ],
  [
    'a shape whose product overflows',
    safetensorsBytes({ a: f32([2 ** 40, 2 ** 40], [0, 4]) }, 4),
    /a: expected fewer bytes/,
  ],
  [
    'a shape whose product wraps 2^64 to 0',
    safetensorsBytes({ a: f32([2 ** 32, 2 ** 32], [0, 0]) }),
    /a: expected fewer bytes/,
  ],
  ['offsets that are no pair', safetensorsBytes({ a: f32([], [0, 4, 8]) }, 8), /a: expected data_offsets/],
  ['a negative offset', safetensorsBytes({ a: f32([1], [-4, 0]) }, 4), /a: expected data_offsets/],
  ['an end before its begin', safetensorsBytes({ a: f32([1], [4, 0]) }, 4), /a: expected begin ≤ end/],
  [
    'an end beyond the file',
    safetensorsBytes({ a: f32([2], [0, 8]) }, 4),
    /a: its data ends at byte 8 but the file holds 4.*download/,
  ],
  [
    'a length that is not that of the shape',
    safetensorsBytes({ a: f32([2], [0, 4]) }, 4),
    /a: expected 8 bytes for F32 \[2\] but data_offsets span 4/,
  ],
  [
    'overlapping tensors',
    safetensorsBytes({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12),
    /data of 'b' overlaps that of 'a'/,
  ],
  [
    'a hole before the first tensor',
    safetensorsBytes({ a: f32([1], [4, 8]) }, 8),
    /4 bytes between 'the header' and 'a'/,
  ],
  [
    'a hole between tensors',
    safetensorsBytes({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12),
    /4 bytes between 'a' and 'b'/,
  ],
  ['bytes after the last tensor', safetensorsBytes({ a: f32([1], [0, 4]) }, 5), /end at byte \d+ but it has/],
]

test.each(corrupt)('%s is refused as corrupt', (_, bytes, message) => {
  expect(() => parse(bytes)).toThrowError(
    expect.objectContaining({ code: 'ERR_CHECKPOINT_CORRUPT', message: expect.stringMatching(message) }),
  )
})

test.each(['F8_E4M3', 'F4', 'U64', 'float32', '', 'constructor', '__proto__'])(
  'dtype %j is refused by its name',
  (dtype) => {
    const bytes = safetensorsBytes({ weight: { dtype, shape: [1], data_offsets: [0, 1] } }, 1)
    expect(() => parse(bytes)).toThrowError(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_DTYPE',
        message: expect.stringContaining(`weight: expected dtype`),
      }),
    )
  },
)

describe('from a file', () => {
  test('the header is read without the data', async () => {
    const file = path.join(temporaryDirectory(), 'a.safetensors')
    writeFileSync(file, safetensorsBytes({ a: f32([2], [0, 8]) }, 8))
    expect((await readSafetensorsHeader(file)).tensors).toHaveLength(1)
  })

  test('a missing file is not found', async () => {
    const file = path.join(temporaryDirectory(), 'a.safetensors')
    await expect(readSafetensorsHeader(file)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_NOT_FOUND' })
  })

  test('a directory in its place is refused', async () => {
    const file = path.join(temporaryDirectory(), 'a.safetensors')
    mkdirSync(file)
    await expect(readSafetensorsHeader(file)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_CORRUPT' })
  })
})

describe('whatever the bytes, a header is read or refused with a code', () => {
  const survives = (bytes: Buffer) => {
    try {
      const { tensors, size } = parse(bytes)
      let covered = bytes.length
      for (const { begin, end } of tensors.toReversed()) {
        expect(end).toBe(covered)
        covered = begin
      }
      expect(size).toBe(bytes.length)
    } catch (thrown) {
      if (!(thrown instanceof FrankentorchError)) throw thrown
      expect(['ERR_CHECKPOINT_CORRUPT', 'ERR_UNKNOWN_DTYPE']).toContain(thrown.code)
    }
  }

  const number = fc.oneof(fc.nat(64), fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, 2 ** 63, 1e300, null, '4'))
  const entry = fc.record(
    {
      dtype: fc.oneof(
        fc.constantFrom('F64', 'F32', 'F16', 'BF16', 'U8', 'BOOL', 'F8_E5M2'),
        fc.jsonValue({ maxDepth: 1 }),
      ),
      shape: fc.array(number, { maxLength: 4 }),
      data_offsets: fc.array(number, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  )
  const name = fc.oneof(fc.constantFrom('a', 'b', '__metadata__', '__proto__', '1', ''), fc.string())

  test('2,500 headers of plausible entries', () => {
    const header = fc.dictionary(name, fc.oneof({ weight: 8, arbitrary: entry }, fc.jsonValue({ maxDepth: 2 })), {
      maxKeys: 4,
    })
    fc.assert(
      fc.property(header, fc.nat(64), (value, data) => survives(safetensorsBytes(value, data))),
      { numRuns: 2500 },
    )
  })

  test('5,500 valid files with a few bytes changed', () => {
    const valid = safetensorsBytes(
      { a: f32([2, 2], [0, 16]), b: { dtype: 'BF16', shape: [3], data_offsets: [16, 22] } },
      22,
    )
    const change = fc.tuple(fc.nat(valid.length - 23), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(valid)
        for (const [at, byte] of changes) bytes[at] = byte
        survives(bytes)
      }),
      { numRuns: 5500 },
    )
  })

  test('2,000 files of any bytes, and every truncation of a valid one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(Buffer.from(bytes))),
      { numRuns: 2000 },
    )
    const valid = safetensorsBytes({ a: f32([2], [0, 8]) }, 8)
    for (let length = 0; length < valid.length; length++)
      expect(() => parse(valid.subarray(0, length))).toThrowError(FrankentorchError)
  })

  test('objects nested 100,000 deep', () => survives(safetensorsBytes(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)))
})
