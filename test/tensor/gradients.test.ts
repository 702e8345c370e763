import { describe, expect, test } from 'vitest'
import type { TensorLike } from '../../src/tensor/argument-types.ts'
import { all } from '../../src/tensor/evaluate.ts'
import { grad, noGrad } from '../../src/tensor/gradients.ts'
import { ops } from '../../src/tensor/ops.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { expectTensor, fixtures, made, onDevice } from './fixture.ts'

const [x, targets, ...weights] = (await onDevice(fixtures.mlp.inputs.map(made))) as [Tensor, Tensor, ...Tensor[]]

function lossOf([w1, b1, w2, b2]: readonly TensorLike[]) {
  const hidden = ops.linear(x, w1!, b1!).tanh()
  return ops.cross_entropy_loss(ops.linear(hidden, w2!, b2!), targets)
}

describe('a small network, against Python torch', () => {
  test('gradients, in one crossing with the loss', async () => {
    const parameters = weights.map((w) => w.requiresGrad())
    const loss = lossOf(parameters)
    const results = await all({ loss: loss.detach(), gradients: grad(loss, parameters) })
    await expectTensor(results.loss, fixtures.mlp.loss)
    for (const [i, wanted] of fixtures.mlp.gradients.entries()) await expectTensor(results.gradients[i]!, wanted)
    expect(results.gradients[0]!.differentiable).toBe(false)
  })

  test('gradients of gradients', async () => {
    const parameters = weights.map((w) => w.requiresGrad())
    const [first, ...rest] = grad(lossOf(parameters), parameters, { createGraph: true }).map((g) => g.square().sum())
    const penalty = rest.reduce((sum, term) => sum.add(term), first!)
    const gradients = await all(grad(penalty, parameters))
    for (const [i, wanted] of fixtures.mlp.penaltyGradients.entries()) await expectTensor(gradients[i]!, wanted)
  })

  test('backward accumulates into leaves until zeroGrad', async () => {
    const leaves = await all(weights.map((w) => w.requiresGrad()))
    expect(leaves.map(({ differentiable }) => differentiable)).toEqual([true, true, true, true])
    await lossOf(leaves).backward()
    for (const [i, wanted] of fixtures.mlp.gradients.entries())
      await expectTensor(await leaves[i]!.accumulatedGrad(), wanted)
    const [once] = await all([leaves[1]!.accumulatedGrad().clone()])
    const { twice } = await all({ pass: lossOf(leaves).backward(), twice: leaves[1]!.accumulatedGrad() })
    expect(await twice.sub(once!.mul(2)).abs().max().item()).toBeLessThan(1e-6)
    await leaves[1]!.zeroGrad()
    await expect(leaves[1]!.accumulatedGrad()).rejects.toThrow('after backward()')
  })

  test('a graph spans programs: the loss was computed in one, its gradients are in the next', async () => {
    const leaves = await all(weights.map((w) => w.requiresGrad()))
    const loss = await lossOf(leaves)
    expect(String(loss)).toBe(`Tensor([], float32, ${x.device}, differentiable)`)
    const gradients = await all(grad(loss, leaves))
    for (const [i, wanted] of fixtures.mlp.gradients.entries()) await expectTensor(gradients[i]!, wanted)
  })
})

test('noGrad cuts what is recorded in it', async () => {
  const w = await tensor([2, 3]).requiresGrad()
  const scale = noGrad(() => w.mul(w))
  const [slope] = grad(scale.mul(w).sum(), [w])
  expect(await slope!.tolist()).toEqual([4, 9])
  expect(String(scale)).toContain('without gradients')
  expect((await scale).differentiable).toBe(false)
  expect((await w.mul(w)).differentiable).toBe(true)
  expect(() => noGrad(async () => w.mul(2))).toThrow('a synchronous function')
})

test('grad weighs outputs of several elements, and gives zeros for the unused only on demand', async () => {
  const [a, b] = await all([tensor([1, 2]).requiresGrad(), tensor([5]).requiresGrad()])
  const [weighted] = grad([a!.square()], [a!], { gradOutputs: [tensor([1, 10])] })
  expect(await weighted!.tolist()).toEqual([2, 40])
  await expect(grad(a!.sum(), [b!])[0]).rejects.toMatchObject({ code: 'ERR_ENGINE' })
  const [, unused] = grad(a!.sum(), [a!, b!], { allowUnused: true })
  expect(await unused!.tolist()).toEqual([0])
  expect(() => grad(a!, [])).toThrow('inputs')
  expect(() => grad(a!, [a!], { gradOutputs: [null, null] })).toThrow('one for each of the 1 outputs')
})
