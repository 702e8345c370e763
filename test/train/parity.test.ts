import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readSafetensorsHeader } from '../../src/checkpoint/safetensors.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { native } from '../../src/native.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import type { TrainingBatch } from '../../src/train/batch.ts'
import { conversationRow } from '../../src/train/conversation.ts'
import { type Loss, policyLosses, sft } from '../../src/train/losses/index.ts'
import { createTrainer, type OptimizerOptions, type Trainer } from '../../src/train/trainer.ts'
import { device } from '../device.ts'
import { fixture, readJson, withPaths } from '../processor/fixture.ts'

interface Step {
  loss: string
  model: string
  frozen: string
  parameters: string[]
  losses: number[]
  norms: number[]
  assistant_ids?: number[][]
  completion_ids?: number[][]
  advantages?: number[]
  low?: number
  high?: number
  beta?: number
  kl?: 'k1' | 'k2' | 'k3'
}

interface Recorded {
  optimizer: { lr: number; betas: [number, number]; eps: number }
  sft: { weight_decay: number; max_grad_norm: number; batch: Message[][] }
  rl: { weight_decay: number; max_grad_norm: number; prompts: Message[][]; rewards: number[][]; longest: number }
  frozen: Record<string, string[]>
  cases: Record<string, Step>
}

const recorded = readJson<Recorded>('training/cases.json')
const cases = Object.entries(recorded.cases)

// A GPU adds in another order.
const precision = device === 'cpu' ? 1e-5 : 2e-5

// Gradients in float64 found here agree with PyTorch's; they are then what float32 is held against, element by element.
describe.each(cases)('a training step equals PyTorch: %s', (name, step) => {
  const gradients = new Map<string, Float64Array>()

  test('in float64, loss, gradients and weights to 1e-9, whole and in parts', async () => {
    const fixed = await tensors(name)
    for (const tokensAtOnce of [8192, 1]) {
      await using model = await loaded(step, 'float64')
      await using trainer = await createTrainer(model, { tokensAtOnce, activationCheckpointing: tokensAtOnce === 1 })
      expect([...trainer.names].sort()).toEqual([...step.parameters].sort())
      const batch = await batchOf(model, step, fixed)
      for (const round of [0, 1]) {
        const { loss } = await trainer.backward(batch, lossOf(step), { linear: step.loss === 'sft' })
        expect(relative(loss, step.losses[round]!)).toBeLessThan(1e-9)
        if (round === 0) {
          for (const [row, parameter] of step.parameters.entries()) {
            const gradient = await numbers(trainer, parameter, 'gradient')
            gradients.set(parameter, gradient)
            expectFingerprint(gradient, fixed.get('gradients')!.row(row), `gradient of ${parameter}`)
          }
        }
        expect(relative(await trainer.update(optimizerOf(step)), step.norms[round]!)).toBeLessThan(1e-9)
        for (const [row, parameter] of step.parameters.entries()) {
          expectFingerprint(
            await numbers(trainer, parameter, 'value'),
            fixed.get(`weights.${round + 1}`)!.row(row),
            parameter,
          )
        }
      }
    }
  })

  test("in float32, gradients to 1e-5 of the tensor's largest, or as close as PyTorch's own", async () => {
    const fixed = await tensors(name)
    await using model = await loaded(step, 'float32')
    await using trainer = await createTrainer(model)
    await trainer.backward(await batchOf(model, step, fixed), lossOf(step))
    for (const [row, parameter] of step.parameters.entries()) {
      const found = await numbers(trainer, parameter, 'gradient')
      const wanted = gradients.get(parameter)!
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const apart = found.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0)
      const noise = fixed.get('noise')!.data[row]!
      expect(apart / largest, parameter).toBeLessThan(Math.max(precision, 4 * noise))
    }
  })
})

function lossOf({ loss, low, high, beta = 0, kl = 'k3' }: Step): Loss {
  if (loss === 'sft') return sft
  const kind = loss.split('-')[0] as keyof typeof policyLosses
  return policyLosses[kind]({ epsilon: low!, epsilonHigh: high, beta, kl, maxCompletionLength: recorded.rl.longest })
}

function optimizerOf({ loss }: Step): OptimizerOptions {
  const { lr, betas, eps } = recorded.optimizer
  const { weight_decay, max_grad_norm } = loss === 'sft' ? recorded.sft : recorded.rl
  return { lr, beta1: betas[0], beta2: betas[1], eps, weightDecay: weight_decay, maxGradNorm: max_grad_norm }
}

async function batchOf(model: VisionLanguageModel, step: Step, fixed: Map<string, Matrix>): Promise<TrainingBatch> {
  if (step.loss === 'sft') {
    const rows = await Promise.all(recorded.sft.batch.map((messages) => conversationRow(model, withPaths(messages))))
    const learned = rows.map(({ inputs, targets }) => targets!.map((place) => inputs.inputIds[0]![place]!))
    expect(learned).toEqual(step.assistant_ids)
    return { rows }
  }
  const each = step.completion_ids!.length / recorded.rl.prompts.length
  const rows = await Promise.all(
    recorded.rl.prompts.map(async (messages, prompt) => ({
      inputs: await model.processor.prepare(withPaths(messages)),
      completions: step.completion_ids!.slice(prompt * each, (prompt + 1) * each),
    })),
  )
  const given = (name: string) => {
    const { data, shape } = fixed.get(name)!
    return tensor(model.dtype === 'float64' ? data : Float32Array.from(data), shape)
  }
  return { rows, advantages: step.advantages, old: given('old'), ref: given('reference') }
}

async function loaded(step: Step, dtype: 'float32' | 'float64'): Promise<VisionLanguageModel> {
  await native().setNumThreads(1)
  const model = await VisionLanguageModel.load(fixture(`models/${step.model}`), { dtype })
  const frozen = recorded.frozen[step.frozen]!.map((prefix) => prefix.replace(/\.$/, ''))
  if (frozen.length > 0) model.freeze(frozen)
  return model
}

interface Matrix {
  shape: number[]
  data: Float64Array
  row(index: number): Float64Array
}

async function tensors(name: string): Promise<Map<string, Matrix>> {
  const file = fixture(`training/${name}.safetensors`)
  const [{ tensors: stored }, bytes] = await Promise.all([readSafetensorsHeader(file), readFile(file)])
  return new Map(
    stored.map(({ storedName, shape, begin, end }) => {
      const data = new Float64Array(Uint8Array.from(bytes.subarray(begin, end)).buffer)
      const width = shape.at(-1)!
      return [storedName, { shape: [...shape], data, row: (i: number) => data.subarray(i * width, (i + 1) * width) }]
    }),
  )
}

async function numbers(trainer: Trainer, name: string, part: 'value' | 'gradient'): Promise<Float64Array> {
  using found = await trainer.get(name, part)
  return Float64Array.from((await found!.data()) as Float64Array)
}

function relative(found: number, wanted: number): number {
  return found === wanted ? 0 : Math.abs(found - wanted) / Math.abs(wanted)
}

// scripts/fixtures/training.py: norm, largest magnitude, and projections on fixed signs.
function expectFingerprint(values: Float64Array, wanted: Float64Array, what: string): void {
  const projections = new Float64Array(wanted.length - 2)
  let squares = 0
  let largest = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    squares += value * value
    largest = Math.max(largest, Math.abs(value))
    const bits = mixed(i + 1)
    for (let k = 0; k < projections.length; k++) projections[k]! += (bits >>> k) & 1 ? -value : value
  }
  const found = [Math.sqrt(squares), largest, ...projections]
  const norm = wanted[0]!
  found.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!) / norm, `${what}, ${i}`).toBeLessThan(1e-9)
  })
}

function mixed(index: number): number {
  let x = Math.imul(index, 0x9e3779b1)
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
