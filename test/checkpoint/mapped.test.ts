import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { native } from '../../src/native.ts'
import { temporaryDirectory, tinyConfigs } from './files.ts'

async function tiny(): Promise<Checkpoint> {
  const out = path.join(temporaryDirectory(), 'model')
  await initCheckpoint({ config: tinyConfigs.hub, dtype: 'float32', out })
  return await openCheckpoint(out)
}

async function load({ config, files, entries }: Checkpoint) {
  const parameters = [...entries.values()].map((entry) => ({ ...entry, file: 0 }))
  const paths = files.map(({ file, size }) => ({ path: file, size }))
  return await native().loadModel(config, paths, parameters, 'float32', 'cpu')
}

async function logits(model: Awaited<ReturnType<typeof load>>) {
  const [row] = await native().forward(
    model,
    { inputIds: [[1, 2, 3]] },
    { capture: [], interventions: [], grad: false, parameters: [] },
  )
  return await native().tensorData(row!.logits.handle)
}

test('data at odd offsets, which the format allows, reads as the same values', async () => {
  const checkpoint = await tiny()
  const aligned = await logits(await load(checkpoint))
  const { file } = checkpoint.files[0]!
  const bytes = readFileSync(file)
  const length = bytes.readBigUInt64LE()
  const begin = 8 + Number(length)
  bytes.writeBigUInt64LE(length + 1n)
  writeFileSync(file, Buffer.concat([bytes.subarray(0, begin), Buffer.from(' '), bytes.subarray(begin)]))
  const shifted = await openCheckpoint(checkpoint.directory)
  expect(shifted.entries.get('language_model.norm.weight')!.begin % 4).not.toBe(0)
  expect(await logits(await load(shifted))).toEqual(aligned)
})

test('a file that changed after its header was read is refused', async () => {
  const checkpoint = await tiny()
  const { file, size } = checkpoint.files[0]!
  truncateSync(file, size - 4)
  await expect(load(checkpoint)).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT_CORRUPT',
    message: expect.stringContaining(`expected ${size} bytes but found ${size - 4}`),
  })
  rmSync(file)
  await expect(load(checkpoint)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_NOT_FOUND' })
})

test('a parameter that would reach past the end of its file is refused', async () => {
  const { entries, ...rest } = await tiny()
  const moved = new Map([...entries].map(([name, entry]) => [name, { ...entry, begin: rest.files[0]!.size - 2 }]))
  await expect(load({ ...rest, entries: moved })).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT_CORRUPT',
    message: expect.stringContaining('reaches past the end'),
  })
})

test('a loaded model outlives the replacement of its files', async () => {
  const checkpoint = await tiny()
  const model = await load(checkpoint)
  const before = await logits(model)
  const { file, size } = checkpoint.files[0]!
  writeFileSync(`${file}.new`, Buffer.alloc(size))
  renameSync(`${file}.new`, file)
  expect(await logits(model)).toEqual(before)
})
