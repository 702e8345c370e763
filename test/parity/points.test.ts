import { expect, test } from 'vitest'
import { disposeInputs } from '../../src/model/inputs.ts'
import type { PointInfo, VisionLanguageModel } from '../../src/model/model.ts'
import { caseNamed, inputsOf } from './cases.ts'
import { fixtureModels } from './models.ts'

const model = fixtureModels()
const n = -1 // tokens or patches

/** A module's input and output, with what lies between. */
function module(name: string, input: number[], inside: PointInfo[] = [], output = input): PointInfo[] {
  return [{ name: `${name}:input`, shape: input }, ...inside, { name, shape: output }]
}

/** The points as docs and interventions spell them, in the order in which values pass them. */
function expectedPoints({ config }: VisionLanguageModel): PointInfo[] {
  const { hiddenSize, numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim, vocabSize, vision } = config
  const points: PointInfo[] = []
  if (vision) {
    const { depth, patchSize, temporalPatchSize, inChannels } = vision
    const patches = [1, n, vision.hiddenSize]
    const pixels = [1, n, inChannels * temporalPatchSize * patchSize ** 2]
    points.push(...module('visual.patch_embed', pixels, [], patches))
    for (let i = 0; i < depth; i++) {
      const block = `visual.blocks.${i}`
      const inside = [...module(`${block}.attn`, patches), ...module(`${block}.mlp`, patches)]
      points.push(...module(block, patches, inside))
    }
    points.push(...module('visual.merger', patches, [], [1, n, hiddenSize]))
  }
  const tokens = [1, n, hiddenSize]
  points.push({ name: 'language_model.embed_tokens', shape: tokens })
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const layer = `language_model.layers.${i}`
    const attention = [
      { name: `${layer}.self_attn.query`, shape: [1, heads, n, headDim] },
      { name: `${layer}.self_attn.key`, shape: [1, kvHeads, n, headDim] },
      { name: `${layer}.self_attn.value`, shape: [1, kvHeads, n, headDim] },
      { name: `${layer}.self_attn.weights`, shape: [1, heads, n, n] },
      { name: `${layer}.self_attn.heads`, shape: [1, n, heads, headDim] },
    ]
    points.push(
      ...module(layer, tokens, [
        ...module(`${layer}.input_layernorm`, tokens),
        ...module(`${layer}.self_attn`, tokens, attention),
        ...module(`${layer}.post_attention_layernorm`, tokens),
        ...module(`${layer}.mlp`, tokens),
      ]),
    )
  }
  points.push(...module('language_model.norm', tokens), ...module('lm_head', tokens, [], [1, n, vocabSize]))
  return points
}

test.each(['hub-tied', 'v5-sharded', 'v4-bfloat16', 'qwen2-text'])(
  '%s: a pass on the meta device finds every point, in order, with its shape',
  async (name) => {
    const loaded = await model(name)
    expect(loaded.points()).toEqual(expectedPoints(loaded))
  },
)

test.each(['photo', 'v5-frames', 'v5-mixed', 'bfloat16-text', 'qwen2-turns'])(
  '%s: a real pass reaches every point that its prompt has, with the shape the meta device found',
  async (name) => {
    const known = caseNamed(name)
    const loaded = await model(known.model)
    const inputs = await inputsOf(loaded.processor, known)
    const points = loaded.points().filter((point) => known.pictures.length > 0 || !point.name.startsWith('visual.'))
    const { logits, positionIds, captured } = await loaded.forward(inputs, { capture: points.map(({ name }) => name) })
    expect(Object.keys(captured).sort()).toEqual(points.map(({ name }) => name).sort())
    const patches = [...(inputs.imageGridThw ?? []), ...(inputs.videoGridThw ?? [])]
      .map(([t, h, w]) => t! * h! * w!)
      .reduce((sum, count) => sum + count, 0)
    for (const { name: point, shape } of points) {
      const count = point === 'visual.merger' ? patches / 4 : point.startsWith('visual.') ? patches : logits.shape[1]!
      const expected = shape.map((size) => (size === n ? count : size))
      expect(captured[point]!.shape, point).toEqual(expected)
    }
    for (const tensor of [logits, positionIds, ...Object.values(captured)]) tensor.dispose()
    disposeInputs(inputs)
  },
)
