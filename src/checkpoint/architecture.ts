import type { ModelConfig } from './config.ts'
import type { VisionConfig } from './vision-config.ts'

type Parameters = [name: string, shape: number[]][]

/** Every parameter the model of `config` has, by internal name, with its shape, in the order of the module tree. Linear weights are [out, in]. */
export function expectedParameters(config: ModelConfig): Map<string, number[]> {
  const vision = config.vision ? visionTower(config.vision) : []
  return new Map([...vision, ...decoder(config)])
}

function visionTower(config: VisionConfig): Parameters {
  const { hiddenSize, intermediateSize, outHiddenSize, inChannels, temporalPatchSize, patchSize } = config
  const merged = hiddenSize * config.spatialMergeSize ** 2
  const blocks = range(config.depth).flatMap((i) =>
    under(`visual.blocks.${i}.`, [
      ['norm1.weight', [hiddenSize]],
      ['norm2.weight', [hiddenSize]],
      ...linear('attn.qkv', 3 * hiddenSize, hiddenSize),
      ...linear('attn.proj', hiddenSize, hiddenSize),
      ...linear('mlp.gate_proj', intermediateSize, hiddenSize),
      ...linear('mlp.up_proj', intermediateSize, hiddenSize),
      ...linear('mlp.down_proj', hiddenSize, intermediateSize),
    ]),
  )
  return [
    ['visual.patch_embed.proj.weight', [hiddenSize, inChannels, temporalPatchSize, patchSize, patchSize]],
    ...blocks,
    ['visual.merger.ln_q.weight', [hiddenSize]],
    ...linear('visual.merger.mlp.0', merged, merged),
    ...linear('visual.merger.mlp.2', outHiddenSize, merged),
  ]
}

function decoder(config: ModelConfig): Parameters {
  const { hiddenSize, intermediateSize, vocabSize, headDim } = config
  const queries = config.numAttentionHeads * headDim
  const keys = config.numKeyValueHeads * headDim
  const layers = range(config.numHiddenLayers).flatMap((i) =>
    under(`language_model.layers.${i}.`, [
      ...linear('self_attn.q_proj', queries, hiddenSize),
      ...linear('self_attn.k_proj', keys, hiddenSize),
      ...linear('self_attn.v_proj', keys, hiddenSize),
      ['self_attn.o_proj.weight', [hiddenSize, queries]],
      ['mlp.gate_proj.weight', [intermediateSize, hiddenSize]],
      ['mlp.up_proj.weight', [intermediateSize, hiddenSize]],
      ['mlp.down_proj.weight', [hiddenSize, intermediateSize]],
      ['input_layernorm.weight', [hiddenSize]],
      ['post_attention_layernorm.weight', [hiddenSize]],
    ]),
  )
  const head: Parameters = config.tieWordEmbeddings ? [] : [['lm_head.weight', [vocabSize, hiddenSize]]]
  return [
    ['language_model.embed_tokens.weight', [vocabSize, hiddenSize]],
    ...layers,
    ['language_model.norm.weight', [hiddenSize]],
    ...head,
  ]
}

function linear(name: string, output: number, input: number): Parameters {
  return [
    [`${name}.weight`, [output, input]],
    [`${name}.bias`, [output]],
  ]
}

function under(prefix: string, parameters: Parameters): Parameters {
  return parameters.map(([name, shape]) => [prefix + name, shape])
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
