import { describe, expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import type { Intervention } from '../../src/model/interventions.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import { type Ablated, ablated, ablations, meanPoints } from '../../src/probe/ablations.ts'
import { Means } from '../../src/probe/means.ts'
import { stretches, swapIn } from '../../src/probe/swap.ts'
import { readJson } from '../processor/fixture.ts'
import { type Greedy, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'
import { tokenComparison } from './near-ties.ts'
import { precisions } from './tolerance.ts'

/** What scripts/fixtures_probes.py computed with a decoder of its own, one reply after another. */
interface Probes {
  swaps: Record<string, { model: string; messages: Message[]; source_messages: Message[]; replies: Replies }>
  ablations: Record<string, { model: string; questions: string[]; replies: Replies }>
}
/** By `mode tensors`, such as `window:2 k`, or by `part filling`, such as `head mean`. */
type Replies = Record<string, Greedy[]>

const probes = readJson<Probes>('probes.json')
const { expectTokens, testCuts } = tokenComparison('probes', 1e-4)
const model = fixtureModels()
const decoding = { maxNewTokens: 12, repetitionPenalty: 1 }

describe.each(precisions)('in %s', (precision) => {
  describe.each(Object.entries(probes.swaps))('%s', (_, known) => {
    test.each(Object.keys(known.replies))('swap %s: alone and in a sweep, the replies of Python', async (key) => {
      const [mode, tensors] = key.split(' ') as ['from', 'kv' | 'k' | 'v']
      const loaded = await model(known.model, precision)
      const [target, source] = await Promise.all(
        [known.messages, known.source_messages].map((messages) =>
          inputsOf(loaded.processor, { messages, add_vision_id: false }),
        ),
      )
      using kept = await loaded.prefill(source!)
      const count = loaded.config.numHiddenLayers
      const layers = Array.from({ length: count }, (_, layer) => layer)
      const swaps = stretches(mode, layers, count).map((stretch): Intervention[] => [
        swapIn(stretch, kept, { tensors, compat: false, mismatch: 'throw' }),
      ])
      const replies = known.replies[key]!
      expect(swaps).toHaveLength(replies.length)
      const together = await loaded.sweep(target!, swaps, decoding)
      for (const [i, interventions] of swaps.entries()) {
        const { tokenIds } = await loaded.generate(target!, { ...decoding, interventions })
        expectTokens(tokenIds, replies[i]!, `${key} ${i}`)
        expectTokens(together[i]!.tokenIds, replies[i]!, `${key} ${i} in a sweep`)
      }
      for (const inputs of [target!, source!]) disposeInputs(inputs)
    })
  })

  describe.each(Object.entries(probes.ablations))('%s', (_, known) => {
    test.each(ablated.flatMap((part) => [`${part} zero`, `${part} mean`]))(
      'ablation %s: alone and in a sweep, the replies of Python',
      async (key) => {
        const [part, filling] = key.split(' ') as [Ablated, 'zero' | 'mean']
        const loaded = await model(known.model, precision)
        const prompts = known.questions.map((content): Message[] => [{ role: 'user', content }])
        const count = loaded.config.numHiddenLayers
        const layers = Array.from({ length: count }, (_, layer) => layer)
        using means =
          filling === 'mean' ? await Means.over(loaded, prompts, meanPoints(part, layers, count)) : undefined
        const configurations = ablations(loaded, part, layers)
          .slice(1)
          .map((ablation) => ablation.interventions(means))
        const replies = known.replies[key]!
        expect(configurations).toHaveLength(replies.length)
        const together = await loaded.sweep(prompts[0]!, configurations, decoding)
        for (const [i, interventions] of configurations.entries()) {
          const { tokenIds } = await loaded.generate(prompts[0]!, { ...decoding, interventions })
          expectTokens(tokenIds, replies[i]!, `${key} ${i}`)
          expectTokens(together[i]!.tokenIds, replies[i]!, `${key} ${i} in a sweep`)
        }
      },
    )
  })
})

testCuts()
