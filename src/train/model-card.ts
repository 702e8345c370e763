import { basename } from 'node:path'
import { stringify } from 'yaml'
import type { VisionLanguageModel } from '../model/model.ts'
import { version } from '../version.ts'

export interface CardFacts {
  model: VisionLanguageModel
  /** A sentence's beginning: "Supervised cold start". */
  recipe: string
  /** What was frozen, as it was asked for. */
  freeze: readonly string[]
  data: string
  /** Names and values that decided the result. */
  settings: Record<string, unknown>
  step: number
  steps: number
  best: boolean
}

/** README.md of a trained checkpoint: base, recipe, frozen block, data and settings. */
export function modelCard({ model, recipe, freeze, data, settings, step, steps, best }: CardFacts): string {
  const base = basename(model.directory)
  const { trainable, frozen } = model.trainable()
  const all = trainable.parameters + frozen.parameters
  const part = `${trainable.parameters.toLocaleString('en')} of ${all.toLocaleString('en')} parameters`
  const rows = Object.entries(settings).filter(([, value]) => value !== undefined && value !== null)
  return `---
${stringify({ library_name: 'transformers', pipeline_tag: 'image-text-to-text', tags: ['frankentorch', ...(freeze.length > 0 ? ['frozen-blocks'] : [])] })}---

# ${recipe} of ${base}

Made by frankentorch ${version}.

| | |
|---|---|
| base | ${base} |
| recipe | ${recipe} |
| frozen | ${freeze.length > 0 ? `${freeze.join(', ')} (\`frozen.json\` beside this directory has the hashes)` : 'nothing'} |
| trained | ${part} |
| data | ${basename(data)} |
| step | ${step} of ${steps}${best ? ', the best of those measured' : ''} |

| setting | value |
|---|---|
${rows.map(([name, value]) => `| ${name} | ${typeof value === 'object' ? JSON.stringify(value) : value} |`).join('\n')}
`
}
