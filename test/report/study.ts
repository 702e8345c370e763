import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RandomState } from '../../src/statistics/index.ts'

const layers = 12
const models = {
  Base: { role: 'base' },
  IN: { role: 'in' },
  RL: { role: 'rl' },
  'RL-frozen-early': { role: 'frozen-early' },
  'RL-frozen-middle': { role: 'frozen-middle' },
  'RL-frozen-late': { role: 'frozen-late' },
  'IN1+RL2': { role: 'splice', recipe: 'IN early 1/3 + RL late 2/3' },
  'RL1+IN2': { role: 'splice', recipe: 'RL early 1/3 + IN late 2/3' },
} as const

/** Writes the files that the runs of a study leave, with made-up numbers that depend on `seed`. */
export function writeStudy(root: string, seed = 0): void {
  const random = new RandomState(seed)
  const share = () => random.interval(999) / 1000
  const write = (file: string, value: unknown) => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), typeof value === 'string' ? value : JSON.stringify(value, null, 2))
  }
  const lines = (values: object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')
  const config = (place: string, command: string, data?: object) =>
    write(`${place}/config.json`, {
      schema: 1,
      command,
      arguments: { layers: 'all', dtype: 'float32' },
      models: { model: { path: `/somewhere/${place.split('/').at(-1)}`, sha256: 'ab12'.repeat(16) } },
      data: data ?? {},
      version: '0.1.0',
    })
  write('study.json', {
    schema: 1,
    title: 'A made-up study',
    kind: 'tiny-world',
    random: ['Base'],
    models,
    notes: ['Every number of this page is made up for a test.'],
  })
  write('swap/counting/data.jsonl', lines(pairs('counting')))
  write('swap/ocr/data.jsonl', lines(pairs('ocr')))
  for (const name of ['photo.png', 'photo-other.png']) cpSync(`test/fixtures/images/${name}`, join(root, 'swap', name))

  for (const model of ['IN', 'RL']) {
    const place = `probe-vision/${model}`
    config(place, 'probe vision', { pairs: { path: join(root, 'swap'), sha256: 'cd34'.repeat(16) } })
    const tasks = ['counting', 'ocr']
    const records = tasks.flatMap((task, index) =>
      Array.from({ length: 20 }, (_, sample) =>
        Array.from({ length: layers }, (_, layer) => {
          const changed = share() < 1 / (1 + Math.exp(layer - 4 - 3 * index))
          return {
            task,
            sample_id: `${task}_${sample}`,
            layer,
            original_answer: `${sample} <b>shapes</b>`,
            swapped_answer: changed ? `${sample + 1} shapes` : `${sample} <b>shapes</b>`,
            answer_changed: changed,
            target_answer: String(sample),
            source_answer: String(sample + 1),
          }
        }),
      ).flat(),
    )
    const rate = (task: string, layer: number) => {
      const own = records.filter((record) => record.task === task && record.layer === layer)
      return own.filter(({ answer_changed }) => answer_changed).length / own.length
    }
    const positions = Array.from({ length: layers }, (_, layer) => layer)
    write(`${place}/layer_swap_results.jsonl`, lines(records))
    write(`${place}/layer_swap_summary.json`, {
      tasks,
      layers: positions,
      num_samples: 20,
      failures: 0,
      answered: { counting: 20, ocr: 20 },
      change_rates: Object.fromEntries(
        tasks.map((task) => [task, Object.fromEntries(positions.map((layer) => [layer, rate(task, layer)]))]),
      ),
    })
  }

  for (const model of ['IN', 'RL']) {
    const place = `probe-reasoning/${model}`
    config(place, 'probe reasoning')
    for (const name of ['baseline', ...Array.from({ length: layers }, (_, layer) => `layer_${layer}`)]) {
      const chance = name === 'baseline' ? 0.7 : 0.65 - 0.4 * Math.exp(-((Number(name.slice(6)) - 6) ** 2) / 6)
      const records = Array.from({ length: 30 }, (_, id) => ({ id: String(id), correct: share() < chance }))
      write(`${place}/${name}/gsm8k.jsonl`, lines(records))
    }
  }

  for (const model of ['IN', 'RL']) {
    const place = `probe-attention/${model}`
    config(place, 'probe attention')
    const masses = Array.from({ length: layers }, (_, layer) => ({
      layer,
      question: 0.2 + 0.1 * share(),
      generated: (model === 'RL' ? 0.02 * layer : 0) + 0.1 + 0.1 * share(),
      heads: [],
    }))
    write(`${place}/attention_mass.json`, { layers: masses })
  }

  config('compare/energy', 'compare energy')
  const parameters = [
    ...Array.from({ length: 8 }, (_, block) => [`visual.blocks.${block}.`, block - 8, 'Vision Encoder'] as const),
    ...Array.from(
      { length: layers },
      (_, layer) => [`language_model.layers.${layer}.`, layer + 1, 'LLM Backbone'] as const,
    ),
  ].flatMap(([prefix, layer_idx, section]) =>
    (['self_attn.q_proj', 'mlp.down_proj'] as const).map((matrix) => ({
      param_name: `${prefix}${matrix}.weight`,
      layer_idx,
      section,
      component: matrix.startsWith('mlp') ? 'MLP' : 'Attention',
      region: layer_idx > 8 ? 'late' : layer_idx > 4 ? 'middle' : 'early',
    })),
  )
  const norms = (scale: number) => ({ fro_norm: scale * (1 + share()), relative_norm: 0.01 * scale * share() })
  write('compare/energy/fro_norm.json', {
    metadata: {},
    layers: parameters.map((parameter) => ({ ...parameter, sft: norms(3), rl: norms(0.2) })),
    summary: [],
  })
  config('compare/spectrum', 'compare spectrum')
  const spectrum = (scale: number) => ({
    spectral_norm: scale,
    stable_rank: 5 + 10 * share(),
    effective_rank: 40 + 30 * share(),
    top_singular_values: Array.from({ length: 50 }, (_, rank) => scale * Math.exp(-rank / (8 + 10 * share()))).sort(
      (a, b) => b - a,
    ),
  })
  write('compare/spectrum/layerwise_svd.json', {
    metadata: {},
    layers: parameters
      .filter(({ param_name, layer_idx }) => layer_idx > 0 && param_name.includes('down_proj'))
      .map((parameter) => ({ ...parameter, sft: spectrum(2), rl: spectrum(0.1) })),
    summary: [],
  })

  config('eval', 'eval')
  const tasks = [
    ['m_vis', 'M_vis', true],
    ['m_v2r', 'M_v2r', true],
    ['m_rea', 'M_rea', false],
    ['tiny_vista', 'TinyVista', false],
    ['tiny_vision', 'TinyVision', false],
    ['tiny_verse', 'TinyVerse', false],
  ] as const
  write(
    'eval/summary.json',
    Object.fromEntries(
      Object.keys(models).map((model) => [
        model,
        Object.fromEntries(
          tasks.map(([task, label, paired]) => {
            const value = Math.round(1e4 * (0.2 + 0.5 * share())) / 1e4
            const half = 0.09
            return [
              task,
              {
                task,
                label,
                samples: 100,
                failed: 0,
                result: { value, low: Math.max(0, value - half), high: value + half },
                settings: { image: { total: 100, truncation_rate: 0.02, extraction_failure_rate: 0.01 } },
                transitions: paired
                  ? { TT: 20, TF: 30, FT: 5, FF: 45, net_gain: -25, side_effect_rate: 0.6, lift_rate: 0.1 }
                  : null,
              },
            ]
          }),
        ),
      ]),
    ),
  )

  for (const model of ['IN', 'RL', 'RL-frozen-early']) {
    config(`train/${model}`, model === 'IN' ? 'train sft' : 'train grpo')
    const steps = Array.from({ length: 60 }, (_, step) =>
      model === 'IN'
        ? { step, loss: 3 * Math.exp(-step / 20) + 0.2 * share() }
        : { step, loss: 0.1 * share(), reward: 0.3 + 0.006 * step + 0.1 * share() },
    )
    write(`train/${model}/metrics.jsonl`, lines(steps))
  }
}

function pairs(task: string): object[] {
  return Array.from({ length: 20 }, (_, sample) => ({
    id: `${task}_${sample}`,
    target_image: '../photo.png',
    source_image: '../photo-other.png',
    prompt: 'How many shapes are there? </script><img src=x onerror=alert(1)>',
    meta: { target_answer: String(sample), source_answer: String(sample + 1) },
  }))
}
