import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeDirectory } from '../../src/checkpoint/output-directory.ts'
import { readSafetensorsHeader } from '../../src/checkpoint/safetensors.ts'
import { planShards, type TensorSpec, writeSafetensors, writeWeights } from '../../src/checkpoint/writer.ts'
import { temporaryDirectory } from './files.ts'

const spec = (storedName: string, dtype: TensorSpec['dtype'] = 'float32', shape = [2]): TensorSpec => ({
  storedName,
  dtype,
  shape,
})

async function* bytesOf({ storedName, dtype, shape }: TensorSpec) {
  const elements = shape.reduce((count, size) => count * size, 1)
  const bytes = { float64: 8, float32: 4, bfloat16: 2, bool: 1 }[dtype as 'float32']! * elements
  const data = Buffer.alloc(bytes, storedName)
  for (let at = 0; at < bytes; at += 3) yield data.subarray(at, at + 3)
}

test('a file has the bytes the safetensors library writes: wide elements first, then by name, header padded to 8', async () => {
  const file = path.join(temporaryDirectory(), 'a.safetensors')
  const tensors = [
    spec('b'),
    spec('10'),
    spec('half', 'bfloat16'),
    spec('é'),
    spec('wide', 'float64'),
    spec('bit', 'bool'),
  ]
  await writeSafetensors(file, tensors, bytesOf)
  const bytes = readFileSync(file)
  const length = Number(bytes.readBigUInt64LE())
  const entries = [
    '"wide":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}',
    '"10":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}',
    '"b":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}',
    '"é":{"dtype":"F32","shape":[2],"data_offsets":[32,40]}',
    '"half":{"dtype":"BF16","shape":[2],"data_offsets":[40,44]}',
    '"bit":{"dtype":"BOOL","shape":[2],"data_offsets":[44,46]}',
  ]
  const json = `{"__metadata__":{"format":"pt"},${entries.join(',')}}`
  expect(
    bytes
      .subarray(8, 8 + length)
      .toString()
      .trimEnd(),
  ).toBe(json)
  expect(length % 8).toBe(0)
  expect(bytes.subarray(8 + length).toString()).toBe('widewidewidewide10101010bbbbbbbbéééé' + 'half' + 'bi')
  expect((await readSafetensorsHeader(file)).tensors.map(({ storedName }) => storedName)).toEqual([
    'wide',
    '10',
    'b',
    'é',
    'half',
    'bit',
  ])
})

test('nothing is left of a file whose data fails, ends early, runs over or is aborted', async () => {
  const directory = temporaryDirectory()
  const write = (bytes: (tensor: TensorSpec) => AsyncIterable<Uint8Array>, signal?: AbortSignal) =>
    writeSafetensors(path.join(directory, 'a.safetensors'), [spec('a')], bytes, { signal })
  const failing = async function* () {
    yield Buffer.alloc(4)
    throw new Error('no more')
  }
  const long = async function* () {
    yield Buffer.alloc(12)
  }
  const short = async function* () {
    yield Buffer.alloc(4)
  }
  await expect(write(failing)).rejects.toThrow('no more')
  await expect(write(long)).rejects.toThrow('a has 8 bytes but 12 were given')
  await expect(write(short)).rejects.toThrow('a has 8 bytes but 4 were given')
  await expect(write(bytesOf, AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  expect(readdirSync(directory)).toEqual([])
})

test('a file that cannot be written is an output error', async () => {
  const file = path.join(temporaryDirectory(), 'none', 'a.safetensors')
  await expect(writeSafetensors(file, [spec('a')], bytesOf)).rejects.toMatchObject({ code: 'ERR_OUTPUT' })
})

test('shards fill up in order; a tensor above the limit gets its own', () => {
  const sizes = [2, 2, 9, 1, 3, 1]
  const tensors = sizes.map((size, i) => spec(`t${i}`, 'float32', [size]))
  const plan = planShards(tensors, 16)
  expect(plan.map(({ tensors }) => tensors.map(({ storedName }) => storedName).join())).toEqual([
    't0,t1',
    't2',
    't3,t4',
    't5',
  ])
  expect(plan.map(({ name }) => name)[2]).toBe('model-00003-of-00004.safetensors')
  expect(planShards(tensors, 1000).map(({ name }) => name)).toEqual(['model.safetensors'])
})

test('shards come with an index, and progress covers all of them', async () => {
  const directory = temporaryDirectory()
  const seen: [number, number][] = []
  await writeWeights(directory, [spec('b'), spec('a'), spec('c')], bytesOf, {
    maxShardBytes: 16,
    onProgress: (written, total) => seen.push([written, total]),
  })
  expect(JSON.parse(readFileSync(path.join(directory, 'model.safetensors.index.json'), 'utf8'))).toEqual({
    metadata: { total_size: 24 },
    weight_map: {
      a: 'model-00001-of-00002.safetensors',
      b: 'model-00001-of-00002.safetensors',
      c: 'model-00002-of-00002.safetensors',
    },
  })
  expect(seen.map(([written]) => written)).toEqual([3, 6, 8, 11, 14, 16, 19, 22, 24])
  expect(new Set(seen.map(([, total]) => total))).toEqual(new Set([24]))
})

describe('a directory appears all at once', () => {
  test('when its contents are written', async () => {
    const out = path.join(temporaryDirectory(), 'deep', 'out')
    await writeDirectory(out, 0, async (temporary) => {
      expect(existsSync(out)).toBe(false)
      mkdirSync(path.join(temporary, 'inside'))
    })
    expect(readdirSync(path.dirname(out))).toEqual(['out'])
    expect(readdirSync(out)).toEqual(['inside'])
  })

  test('or not at all', async () => {
    const out = path.join(temporaryDirectory(), 'out')
    const failing = async (temporary: string) => {
      mkdirSync(path.join(temporary, 'inside'))
      throw new Error('half way')
    }
    await expect(writeDirectory(out, 0, failing)).rejects.toThrow('half way')
    expect(readdirSync(path.dirname(out))).toEqual([])
  })

  test('an existing one is refused and left alone', async () => {
    const out = temporaryDirectory()
    await expect(writeDirectory(out, 0, async () => {})).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
      message: expect.stringContaining('already exists'),
    })
    expect(existsSync(out)).toBe(true)
  })

  test('a full disk is reported before anything is written', async () => {
    const out = path.join(temporaryDirectory(), 'out')
    await expect(writeDirectory(out, 1e18, async () => {})).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
      message: expect.stringMatching(/Expected 1000000000\.00 GB free/),
    })
  })

  test('leftovers of dead processes are removed, those of living ones stay', async () => {
    const parent = temporaryDirectory()
    const [dead, living] = [2 ** 22 + 1, process.ppid].map((pid) => `out.partial-${pid}`) as [string, string]
    for (const name of [dead, living, 'out.partial-notes', 'other.partial-1']) mkdirSync(path.join(parent, name))
    await writeDirectory(path.join(parent, 'out'), 0, async () => {})
    expect(readdirSync(parent).sort()).toEqual(['other.partial-1', 'out', 'out.partial-notes', living].sort())
  })

  test('two writers of one directory do not mix', async () => {
    const out = path.join(temporaryDirectory(), 'out')
    const results = await Promise.allSettled([
      writeDirectory(out, 0, async () => {}),
      writeDirectory(out, 0, async () => {}),
    ])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})
