// Decoding with a recorded hook on every layer against decoding without, runs interleaved. Goal: at most 5 % slower, at hidden 1024, 12 layers, vision depth 8.
//   node scripts/bench.mjs hooks [CHECKPOINT] [RUNS=7] [NEW_TOKENS=64]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initCheckpoint, randn, VisionLanguageModel } from '../src/index.ts'

const [checkpoint, runs = '7', tokens = '64'] = process.argv.slice(2)
const directory = await mkdtemp(join(tmpdir(), 'frankentorch-bench-'))
try {
  await using model = await VisionLanguageModel.load(checkpoint || (await midSize(join(directory, 'model'))))
  using vector = await randn([model.config.hiddenSize]).to(model.dtype)
  const prompt = { inputIds: [Array.from({ length: 64 }, (_, i) => i % 250)] }
  const decode = async () => {
    const { timings } = await model.generate(prompt, { maxNewTokens: Number(tokens) })
    return (timings.decodeS * 1000) / (Number(tokens) - 1)
  }
  const everywhere = 'language_model.layers.*'
  const kinds = {
    'x.mul(0.99)': () => model.hook(everywhere, (x) => x.mul(0.99)),
    'x.add(vector) on the answer': () => model.hook(everywhere, (x) => x.add(vector), { positions: 'answer' }),
    'x.add(vector) on two positions of the prompt': () =>
      model.hook(everywhere, (x) => x.add(vector), { positions: [3, 7] }),
  }
  await decode()
  for (const [name, attach] of Object.entries(kinds)) {
    const [plain, hooked]: [number[], number[]] = [[], []]
    for (let run = 0; run < Number(runs); run++) {
      plain.push(await decode())
      using _ = attach()
      hooked.push(await decode())
    }
    for (const [kind, of] of [
      ['median', median],
      ['best', best],
    ] as const) {
      const [a, b] = [of(plain), of(hooked)]
      const slower = (100 * (b / a - 1)).toFixed(1)
      console.log(`${name.padEnd(46)} ${kind}: ${a.toFixed(2)} ms a token, ${b.toFixed(2)} with it: ${slower} % slower`)
    }
  }
} finally {
  await rm(directory, { recursive: true })
}

/** What a machine that others use as well still tells. */
function best(values: readonly number[]): number {
  return Math.min(...values)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

async function midSize(out: string): Promise<string> {
  const config = {
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    model_type: 'qwen2_5_vl',
    hidden_act: 'silu',
    hidden_size: 1024,
    intermediate_size: 2816,
    max_position_embeddings: 4096,
    num_attention_heads: 16,
    num_hidden_layers: 12,
    num_key_value_heads: 4,
    rms_norm_eps: 1e-6,
    use_sliding_window: false,
    vocab_size: 32000,
    rope_theta: 1_000_000,
    rope_scaling: { type: 'mrope', mrope_section: [8, 12, 12] },
    tie_word_embeddings: true,
    vision_config: {
      depth: 8,
      fullatt_block_indexes: [3, 7],
      hidden_act: 'silu',
      hidden_size: 512,
      intermediate_size: 1408,
      num_heads: 8,
      out_hidden_size: 1024,
      patch_size: 14,
      spatial_merge_size: 2,
      temporal_patch_size: 2,
      tokens_per_second: 2,
      window_size: 112,
      in_chans: 3,
    },
  }
  return (await initCheckpoint({ config, out })).directory
}
