import type { Inputs } from '../../src/model/inputs.ts'
import type { VisionLanguageModel } from '../../src/model/model.ts'

/** The first of `tokens` whose logit led the next one's by less than 1e-3 of the largest, or their number. */
export async function nearTie(
  model: VisionLanguageModel,
  inputs: Inputs,
  tokens: readonly number[],
  share = 1e-3,
): Promise<number> {
  const prompt = inputs.inputIds[0]!
  const { logits, positionIds } = await model.forward({ ...inputs, inputIds: [[...prompt, ...tokens]] })
  const values = (await logits.data()) as Float32Array
  const width = logits.shape.at(-1)!
  logits.dispose()
  positionIds.dispose()
  const tie = tokens.findIndex((_, i) => {
    const from = (prompt.length - 1 + i) * width
    const row = Array.from(values.subarray(from, from + width)).sort((a, b) => b - a)
    return row[0]! - row[1]! < share * Math.max(Math.abs(row[0]!), Math.abs(row.at(-1)!))
  })
  return tie < 0 ? tokens.length : tie
}
