import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { memory, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { compile } from '../cli/frankentorch.ts'
import { tiny } from './models.ts'

beforeAll(compile)

test('tensors and their bytes are counted from making to disposing', () => {
  const one = tensor(new Float32Array(1000))
  const other = tensor(new BigInt64Array(10))
  const none = tensor(new Float32Array(0), [3, 0])
  expect(memory()).toEqual({ tensors: 3, bytes: 4080, models: 0 })
  one.dispose()
  one.dispose()
  expect(memory()).toEqual({ tensors: 2, bytes: 80, models: 0 })
  other.dispose()
  none.dispose()
  expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 0 })
})

test('a failed call leaves nothing to count', async () => {
  expect(() => native().tensorFromData(new Float32Array(3), 'float32', [4])).toThrow(/16 bytes for shape \[4\]/)
  await using model = await VisionLanguageModel.load(tiny)
  await expect(model.forward({ inputIds: [[1, 268]] })).rejects.toMatchObject({ code: 'ERR_MESSAGES' })
  expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 1 })
})

test('the tensors of a forward pass count what they alone hold, views of one storage once', async () => {
  await using model = await VisionLanguageModel.load(tiny)
  const capture = ['language_model.layers.0', 'language_model.layers.0.self_attn.key', 'language_model.norm']
  const { logits, positionIds, captured } = await model.forward({ inputIds: [[1, 2, 3, 4]] }, { capture })
  const values: Tensor[] = [logits, positionIds, ...Object.values(captured)]
  const sizes = { int64: 8, float32: 4 } as Record<string, number>
  const bytes = values.reduce((sum, value) => sum + value.numel() * sizes[value.dtype]!, 0)
  expect(memory()).toEqual({ tensors: 5, bytes, models: 1 })
  for (const value of values) value.dispose()
  expect(memory()).toEqual({ tensors: 0, bytes: 0, models: 1 })
})

test('what is dropped undisposed is collected, and V8 knows how much that is', async () => {
  const script = fileURLToPath(new URL('children/collected.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, tiny])
  const { held, after, withOne, most } = JSON.parse(stdout)
  expect(held).toMatchObject({ tensors: held.made, models: 1 })
  expect(held.bytes).toBeGreaterThan(100 * 40_000)
  expect(after).toEqual({ tensors: 0, bytes: 0, models: 0 })
  expect(withOne).toEqual({ tensors: 1, bytes: 16, models: 0 })
  // of 1,000 MiB made
  expect(most).toBeLessThan(500 * 2 ** 20)
})
