import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/errors.ts'
import { native } from '../../src/native.ts'
import { zeros } from '../../src/tensor/constructors.ts'
import { all, run } from '../../src/tensor/evaluate.ts'
import { ops } from '../../src/tensor/ops.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const x = tensor([
  [1, 2],
  [3, 4],
])
// as JavaScript would call them
const untyped = ops as unknown as Record<string, (...values: unknown[]) => unknown>
const y = x as unknown as Record<string, (...values: unknown[]) => unknown>

describe('what cannot be recorded is an error at once', () => {
  test.each<[string, ErrorCode, RegExp, () => unknown]>([
    [
      'a misspelt operator',
      'ERR_UNKNOWN_OPERATOR',
      /named 'softmaxx'; the nearest is 'softmax'/,
      () => untyped.softmaxx!(x),
    ],
    [
      'an in-place operator',
      'ERR_UNKNOWN_OPERATOR',
      /'add_' is not offered: writes to its argument/,
      () => untyped.add_!(x, 1),
    ],
    ['an internal operator', 'ERR_UNKNOWN_OPERATOR', /use ops\.unsafe\._softmax/, () => untyped._softmax!(x, 0, false)],
    [
      'a missing argument',
      'ERR_INVALID_ARGUMENT',
      /an argument 'k' \(SymInt\) for aten::topk\(Tensor self, SymInt k/,
      () => y.topk!(),
    ],
    [
      'one argument too many',
      'ERR_INVALID_ARGUMENT',
      /at most 1 positional arguments for aten::relu\(Tensor self\)/,
      () => y.relu!(1),
    ],
    [
      'a wrong type',
      'ERR_INVALID_ARGUMENT',
      /SymInt for argument 'k' for aten::topk.* received \(Tensor, 'two'\)/,
      () => y.topk!('two'),
    ],
    ['a fraction for an integer', 'ERR_INVALID_ARGUMENT', /SymInt for argument 'k'/, () => y.topk!(1.5)],
    [
      'an unknown name',
      'ERR_INVALID_ARGUMENT',
      /no argument named 'keepdims' for aten::amax/,
      () => y.amax!(1, { keepdims: true }),
    ],
    ['an argument given twice', 'ERR_INVALID_ARGUMENT', /argument 'dim' once/, () => y.amax!(1, { dim: 1 })],
    [
      'arguments that no overload takes',
      'ERR_INVALID_ARGUMENT',
      /one of\n.*aten::add\.Scalar\(.*\n.*aten::add\.Tensor\(.*\nbut received \(Tensor, 'one'\)/s,
      () => y.add!('one'),
    ],
    ['an unknown dtype', 'ERR_INVALID_ARGUMENT', /aten::to\.dtype/, () => y.to!('float31', 1)],
    [
      'a structure without expressions',
      'ERR_INVALID_ARGUMENT',
      /an expression for expressions\.a/,
      () => run({ a: 1 }),
    ],
  ])('%s', async (_, code, message, record) => {
    const failure = await Promise.resolve()
      .then(record)
      .catch((thrown) => thrown)
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

test('unsafe operators run', async () => {
  const [largest] = await all([ops.unsafe._softmax!(x, 1, false) as ReturnType<typeof x.relu>])
  expect(largest!.shape).toEqual([2, 2])
})

test('what libtorch refuses names the instruction and its shapes, and the engine goes on', async () => {
  const unfit = tensor([1, 2, 3])
  await expect(x.add(1).mv(unfit)).rejects.toMatchObject({
    code: 'ERR_ENGINE',
    message: expect.stringMatching(
      /in instruction 1, aten::mv\(Tensor self, Tensor vec\) -> Tensor, given float32\[2, 2\], float32\[3\]/,
    ),
  })
  await expect(zeros([2 ** 40, 2 ** 20])).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' })
  await expect(zeros([2], { device: 'cuda:7' })).rejects.toMatchObject({ code: 'ERR_UNKNOWN_DEVICE' })
  await expect(x.to_sparse()).rejects.toThrow('end with to_dense()')
  expect(await x.to_sparse().to_dense().tolist()).toEqual(await x.tolist())
  expect(await x.sum().item()).toBe(10)
})

describe('disposed handles', () => {
  test('cannot be recorded', () => {
    const gone = tensor([1])
    gone.dispose()
    expect(gone.disposed).toBe(true)
    expect(() => x.add(gone)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
    expect(() => ops.cat([x, gone])).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
  })

  test('cannot be sent, but what was sent is safe', async () => {
    const a = tensor([1, 2])
    const recorded = a.add(1)
    const sent = run(recorded)
    a.dispose()
    expect(await (await sent).tolist()).toEqual([2, 3])
    await expect(recorded).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
  })
})

// in the form of cpp/tensor/program_code.h
const lines = native().operatorSchemas().split('\n')
const [relu, size] = ['aten::relu(', 'aten::size.int('].map((name) => lines.findIndex((line) => line.startsWith(name)))

test.each<[string, number[]]>([
  ['cut short', [0, 1]],
  ['an operator that is not there', [0, 1, 1e6, 0, 0, 0]],
  ['a register that is not there', [0, 0, 1, 3]],
  ['an argument from a later instruction', [1, 1, relu!, 0, 1, 2, 1, 0]],
  ['a number for a tensor', [0, 1, relu!, 0, 1, 3, 7, 0]],
  ['a register of another type', [1, 2, size!, 0, 2, 2, 0, 3, 0, relu!, 0, 1, 2, 1, 0]],
  ['a missing argument', [0, 1, relu!, 0, 0, 0]],
  ['too many arguments', [1, 1, relu!, 0, 2, 2, 0, 2, 0, 0]],
  ['a list in a list', [1, 1, relu!, 0, 1, 9, 1, 9, 0, 0]],
  ['a constant that is not there', [0, 1, relu!, 0, 1, 8, 0, 0]],
  ['a count beyond the code', [0, 1e9]],
  ['no number', [Number.NaN]],
  ['too long', [0, 0, 0, 0]],
])('damaged code of a program is refused: %s', (_, code) => {
  const send = () => native().runProgram({ code: Float64Array.from(code), tensors: [], strings: [] }, [])
  expect(send).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
})

test('a program given too few inputs is refused', async () => {
  const program = { code: Float64Array.from([1, 1, relu!, 0, 1, 2, 0, 1, 1]), tensors: [], strings: [] }
  await expect(native().runProgram(program, [])).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  await expect(native().runProgram(program, [x.handle])).resolves.toHaveLength(1)
})
