import { readFileSync } from 'node:fs'
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { parseSafetensorsHeader } from '../../src/checkpoint/safetensors.ts'
import { FrankentorchError } from '../../src/errors.ts'
import { createProcessor, type Processor } from '../../src/model/processor/processor.ts'
import { native } from '../../src/native.ts'
import { memory } from '../../src/tensor/tensor.ts'
import { tiny, tinyText } from '../native/models.ts'
import { temporaryDirectory } from '../native/temporary.ts'

const seed = Number(process.env.FRANKENTORCH_FUZZ_SEED ?? 1)

/** Integers below `limit`, the same for the same seed (mulberry32). */
function draws(state: number): (limit: number) => number {
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t)
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}

/** `bytes` with one to four damages: a byte or a run overwritten, a piece removed, doubled or cut off. */
function damaged(bytes: Buffer, draw: (limit: number) => number, begin = 0): Buffer {
  let result = Buffer.from(bytes)
  for (let n = draw(4); n >= 0; n--) {
    const at = begin + draw(Math.max(1, result.length - begin))
    const length = 1 + draw(16)
    const [before, piece, after] = [
      result.subarray(0, at),
      result.subarray(at, at + length),
      result.subarray(at + length),
    ]
    const damages = [
      () => Buffer.concat([before, Buffer.from([draw(256)]), result.subarray(at + 1)]),
      () => Buffer.concat([before, Buffer.from(piece.map(() => draw(256))), after]),
      () => Buffer.concat([before, after]),
      () => Buffer.concat([before, piece, piece, after]),
      () => (draw(4) === 0 ? before : Buffer.concat([before, piece.fill(0xff), after])),
    ]
    result = damages[draw(damages.length)]!()
  }
  return result
}

/** Whether `work` succeeded; a failure must be one of ours. `input` says in a failing test what to look at. */
async function accepted(work: () => Promise<unknown>, input: string): Promise<boolean> {
  try {
    await work()
    return true
  } catch (thrown) {
    if (!(thrown instanceof FrankentorchError))
      throw new Error(`${input}: ${(thrown as Error).stack}`, { cause: thrown })
    return false
  }
}

describe('10,000 damaged headers', () => {
  // Numbers and names of a header, changed to what its reader may stumble over.
  const numbers = [
    '-1',
    '0',
    '1',
    '4',
    '48',
    '192',
    '1e3',
    '2147483648',
    '4294967296',
    '9007199254740993',
    '1e308',
    '0.5',
  ]
  const words = [
    'F32',
    'BF16',
    'F64',
    'U8',
    'dtype',
    'shape',
    'data_offsets',
    '__metadata__',
    '__proto__',
    '',
    'model.norm.weight',
  ]

  function changed(header: string, draw: (limit: number) => number): string {
    let result = header
    for (let n = draw(3); n >= 0; n--) {
      const [pattern, replacements] = draw(2) === 0 ? [/-?\d[\d.e]*/g, numbers] : [/(?<=")[^"]*(?=")/g, words]
      const matches = [...result.matchAll(pattern)]
      const match = matches[draw(Math.max(1, matches.length))]
      if (!match) continue
      const replacement = replacements[draw(replacements.length)]!
      result = result.slice(0, match.index) + replacement + result.slice(match.index + match[0].length)
    }
    return result
  }

  async function map(directory: string): Promise<void> {
    const { config, files, entries } = await openCheckpoint(directory)
    const mapped = files.map(({ file, size }) => ({ path: file, size }))
    const parameters = [...entries.values()].map((entry) => ({ ...entry, file: 0 }))
    await native().disposeModel(await native().loadModel(config, mapped, parameters, 'float32', 'cpu'))
  }

  test('of a real checkpoint are refused with a code, or the model that they describe is mapped', async () => {
    const draw = draws(seed)
    const weights = readFileSync(join(tinyText, 'model.safetensors'))
    const length = Number(weights.readBigUInt64LE())
    const header = weights.toString('utf8', 8, 8 + length)
    const directory = join(temporaryDirectory(), 'model')
    await mkdir(directory)
    await symlink(join(tinyText, 'config.json'), join(directory, 'config.json'))
    const file = join(directory, 'model.safetensors')
    const outcomes = { refused: 0, read: 0, mapped: 0 }
    for (let i = 0; i < 10_000; i++) {
      const text = draw(2) === 0 ? Buffer.from(changed(header, draw)) : damaged(Buffer.from(header), draw)
      const size = 8 + text.length + (draw(20) === 0 ? draw(1000) : weights.length - 8 - length)
      const input = `header ${i} of seed ${seed}`
      if (!(await accepted(async () => parseSafetensorsHeader(text, size, file), input))) {
        outcomes.refused++
        continue
      }
      const prefix = Buffer.alloc(8)
      prefix.writeBigUInt64LE(BigInt(text.length))
      await writeFile(file, Buffer.concat([prefix, text]))
      // The data is a hole: what a header says is held against its size alone.
      await truncate(file, size)
      const opened = await accepted(() => map(directory), input)
      outcomes[opened ? 'mapped' : 'read']++
    }
    expect(outcomes.refused).toBeGreaterThan(5000)
    expect(outcomes.read).toBeGreaterThan(100)
    expect(outcomes.mapped).toBeGreaterThan(10)
    expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
  })
})

describe('2,000 damaged images', () => {
  let processor: Processor
  let originals: [format: string, bytes: Buffer][]

  beforeAll(async () => {
    processor = await createProcessor(tiny)
    const draw = draws(seed)
    const noise = Buffer.from(Array.from({ length: 24 * 20 * 3 }, () => draw(256)))
    const picture = () => sharp(noise, { raw: { width: 24, height: 20, channels: 3 } })
    originals = [
      ['png', await picture().png().toBuffer()],
      ['palette', await picture().png({ palette: true }).toBuffer()],
      ['jpeg', await picture().jpeg().toBuffer()],
      ['webp', await picture().webp().toBuffer()],
      ['gif', await picture().gif().toBuffer()],
      ['tiff', await picture().tiff({ compression: 'lzw' }).toBuffer()],
    ]
  })

  test('are refused as images, or become patches', async () => {
    const draw = draws(seed)
    const outcomes = { refused: 0, decoded: 0 }
    for (let i = 0; i < 2000; i++) {
      const [format, bytes] = originals[i % originals.length]!
      // The first bytes tell the format; damage there is a matter of the corpus.
      const image = damaged(bytes, draw, draw(10) === 0 ? 0 : 12)
      const decoded = await accepted(async () => {
        const request = { text: '<|image_pad|>', images: [image] }
        const { pixelValues } = await processor(request)
        expect(pixelValues!.shape[1]).toBe(1176)
        pixelValues!.dispose()
      }, `${format} ${i} of seed ${seed}`)
      outcomes[decoded ? 'decoded' : 'refused']++
    }
    expect(outcomes.refused).toBeGreaterThan(500)
    expect(outcomes.decoded).toBeGreaterThan(50)
    expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
  })
})
