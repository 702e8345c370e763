import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { type DataRecord, type ReadOptions, readRecords } from '../../src/data/index.ts'

const samples = fileURLToPath(new URL('../fixtures/data/generic', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-records-'))
afterAll(() => rmSync(scratch, { recursive: true }))

async function read(path: string, options?: ReadOptions): Promise<DataRecord[]> {
  const records = []
  for await (const record of readRecords(path, options)) records.push(record)
  return records
}

function write(record: object): string {
  const path = join(scratch, 'data.jsonl')
  writeFileSync(path, `${JSON.stringify(record)}\n`)
  return path
}

test('image paths, in the record and in its messages, are relative to the file', async () => {
  const [first] = await read(join(samples, 'test.jsonl'))
  const image = join(samples, 'images/one.png')
  expect(first).toMatchObject({ id: 'perception_1', image, description: 'A grey square.' })
  expect(first!.messages[0]!.content).toEqual([
    { type: 'image', image },
    { type: 'text', text: 'What colour is the square?' },
  ])
})

test('data URLs stay, pixel limits come back as the model takes them, unknown fields are kept', async () => {
  const part = { type: 'image', image: 'data:image/png;base64,AAAA', min_pixels: 3136 }
  const record = { id: 5, messages: [{ role: 'user', content: [part] }], answer: 'x', task: 'ocr' }
  const content = [{ type: 'image', image: 'data:image/png;base64,AAAA', minPixels: 3136 }]
  expect(await read(write(record))).toEqual([{ ...record, id: '5', messages: [{ role: 'user', content }] }])
})

test('a missing image is an error that names record and line, unless images are not wanted', async () => {
  const path = write({
    id: 'a',
    messages: [{ role: 'user', content: [{ type: 'image', image: 'none.png' }] }],
    answer: 'x',
  })
  await expect(read(path)).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: `The image ${join(scratch, 'none.png')} of record 'a' at ${path}:1 is missing`,
  })
  expect(await read(path, { images: false })).toHaveLength(1)
})

test('a record of another form names the field', async () => {
  await expect(read(write({ id: 'a', answer: 'x' }))).rejects.toThrow(/data\.jsonl:1\.messages/)
  const path = write({ id: 'a', messages: [{ role: 'robot', content: 'x' }], answer: 'x' })
  await expect(read(path)).rejects.toThrow(/data\.jsonl:1\.messages\[0\]\.role/)
})
