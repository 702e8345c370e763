import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type ReadOptions, readRows } from '../../src/data/index.ts'
import { writeParquet } from './parquet-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'frankentorch-rows-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function values(path: string, options?: ReadOptions): Promise<Record<string, unknown>[]> {
  const found = []
  for await (const { value } of readRows(path, options)) found.push(value)
  return found
}

describe('JSONL', () => {
  test('a line ends at \\n only: U+2028 inside a string, \\r\\n and a missing last newline do no harm', async () => {
    const path = file('lines.jsonl', '\ufeff{"a":"x\u2028y"}\r\n\n{"a":2}')
    expect(await values(path)).toEqual([{ a: 'x\u2028y' }, { a: 2 }])
  })

  test('lines longer than a read chunk, with characters across its border, come back whole', async () => {
    const long = 'é'.repeat(70_001)
    expect(await values(file('long.jsonl', `{"a":"${long}"}\n{"a":"b"}\n`))).toEqual([{ a: long }, { a: 'b' }])
  })

  test('a malformed line is named with file and line, blank lines counted', async () => {
    const path = file('broken.jsonl', '{"a":1}\n\n{"a":\n{"a":4}\n')
    await expect(values(path)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringContaining(`${path}:3`),
    })
  })

  test('a line that is no object, and bytes that are no UTF-8, are named too', async () => {
    await expect(values(file('array.jsonl', '{}\n[1]\n'))).rejects.toThrow(/array\.jsonl:2 but found an array/)
    await expect(values(file('latin1.jsonl', Buffer.from('{"a":"\xe9"}\n', 'latin1')))).rejects.toThrow(
      /UTF-8 at .*latin1\.jsonl:1/,
    )
  })
})

test('JSON may hold an array of records or an object of them', async () => {
  expect(await values(file('array.json', '[{"a":1},{"a":2}]'))).toEqual([{ a: 1 }, { a: 2 }])
  expect(await values(file('object.json', '{"1":{"a":1},"2":{"a":2}}'))).toEqual([{ a: 1 }, { a: 2 }])
  await expect(values(file('number.json', '[3]'))).rejects.toThrow(/number\.json record 0 but found a number/)
  await expect(values(file('broken.json', '[{]'))).rejects.toThrow(/broken\.json is not valid JSON/)
})

describe('parquet', () => {
  // bytes that no decoding as text and back would keep
  const png = Uint8Array.from({ length: 3000 }, (_, i) => (i * 151 + (i >> 3)) & 0xff)
  const columns = {
    id: 'int64',
    text: 'string',
    score: 'double',
    tags: 'strings',
    image: 'image',
    meta: { level: 'int64', subject: 'string' },
  } as const
  const rows = Array.from({ length: 7 }, (_, i) => ({
    id: BigInt(i),
    text: i === 3 ? null : `naïve ${i}`,
    score: i / 4,
    tags: i === 2 ? null : Array.from({ length: i % 3 }, (_, j) => `t${j}`),
    image: i === 5 ? null : { bytes: png.subarray(i), path: `${i}.png` },
    meta: { level: BigInt(i), subject: 'algebra' },
  }))

  test.each([
    ['SNAPPY', undefined],
    ['UNCOMPRESSED', 3],
    ['GZIP', 2],
    ['BROTLI', 7],
  ] as const)('%s, row groups of %s: every type comes back, image bytes identical', async (codec, rowGroupSize) => {
    const path = join(folder, 'round.parquet')
    writeParquet(path, columns, rows, { codec, rowGroupSize })
    const found = await values(path)
    expect(found).toEqual(
      rows.map((row) => ({ ...row, id: Number(row.id), meta: { level: Number(row.meta.level), subject: 'algebra' } })),
    )
    expect(found[1]!.image).toMatchObject({ bytes: expect.any(Uint8Array) })
  })

  test('without images their column is not decoded', async () => {
    const path = join(folder, 'without.parquet')
    writeParquet(path, columns, rows)
    expect(Object.keys((await values(path, { images: false }))[0]!)).toEqual(['id', 'text', 'score', 'tags', 'meta'])
  })

  test('an integer that a number cannot hold is decimal text', async () => {
    const path = join(folder, 'large.parquet')
    writeParquet(path, { id: 'int64' }, [{ id: 2n ** 53n + 1n }, { id: -(2n ** 60n) }, { id: 2n ** 53n - 1n }])
    expect((await values(path)).map(({ id }) => id)).toEqual(['9007199254740993', '-1152921504606846976', 2 ** 53 - 1])
  })

  test('a truncated file is reported as such', async () => {
    const path = join(folder, 'truncated.parquet')
    writeParquet(path, columns, rows)
    truncateSync(path, readFileSync(path).length - 10)
    await expect(values(path)).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringContaining(path) })
  })
})

test('a missing file, a folder and an unknown format are refused with their path', async () => {
  await expect(values(join(folder, 'none.jsonl'))).rejects.toThrow(/none\.jsonl but nothing is there/)
  await expect(values(folder)).rejects.toThrow(/it is no file/)
  await expect(values(file('data.csv', 'a'))).rejects.toThrow(/\.jsonl, \.json or \.parquet file but .* is \.csv/)
})
