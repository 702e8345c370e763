import { error } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Message } from '../model/processor/messages.ts'
import { endsRun } from '../run/run.ts'
import { all } from '../tensor/evaluate.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'

/** Means of what passes points of a model, over the tokens of some prompts. */
export class Means implements Disposable {
  readonly #means: ReadonlyMap<string, Tensor>

  private constructor(means: ReadonlyMap<string, Tensor>) {
    this.#means = means
  }

  /**
   * `relativeTo`: the mean of the difference to the value at that point. Sums are in float64. A prompt that the model cannot read is left out; when
   * there is no other, its error is thrown.
   */
  static async over(
    model: VisionLanguageModel,
    prompts: readonly (readonly Message[])[],
    points: readonly { point: string; relativeTo?: string }[],
    signal?: AbortSignal,
  ): Promise<Means> {
    const capture = points.flatMap(({ point, relativeTo }) => [point, ...(relativeTo ? [relativeTo] : [])])
    const sums = new Map<string, { values: Float64Array; shape: readonly number[] }>()
    let tokens = 0
    let failure: unknown
    for (const prompt of prompts) {
      const pass = await model.forward(prompt, { capture, signal }).catch((thrown) => {
        if (endsRun(thrown)) throw thrown
        failure ??= thrown
      })
      if (!pass) continue
      const { logits, positionIds, captured } = pass
      tokens += logits.shape[1]!
      const found = await all(
        Object.fromEntries(
          points.map(({ point, relativeTo }) => {
            const value = captured[point]!.to('float64')
            return [point, (relativeTo ? value.sub(captured[relativeTo]!) : value).sum([0, 1])]
          }),
        ),
      )
      for (const [point, sum] of Object.entries(found) as [string, Tensor][]) {
        const values = Float64Array.from((await sum.data()) as Float64Array)
        const before = sums.get(point)?.values
        if (before) for (let i = 0; i < values.length; i++) values[i]! += before[i]!
        sums.set(point, { values, shape: sum.shape })
        sum.dispose()
      }
      for (const value of [logits, positionIds, ...Object.values(captured)]) value.dispose()
    }
    if (tokens === 0) throw failure ?? error('ERR_DATA', 'No question is left to take means from')
    const means = new Map<string, Tensor>()
    for (const [point, { values, shape }] of sums) {
      using flat = tensor(Float32Array.from(values, (value) => value / tokens))
      means.set(point, await flat.reshape([...shape]))
    }
    return new Means(means)
  }

  of(point: string): Tensor {
    return this.#means.get(point)!
  }

  [Symbol.dispose](): void {
    for (const mean of this.#means.values()) mean.dispose()
  }
}
