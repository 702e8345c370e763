import { cpSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RecipeObject } from '../../src/recipe/index.ts'
import { temporaryDirectory } from '../native/temporary.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))

interface Measured {
  singular_values: number[]
  [measure: string]: number | number[]
}

/** What scripts/fixtures_weights.py computed. */
export const expectedWeights = JSON.parse(readFileSync(path.join(fixtures, 'weights/expected.json'), 'utf8')) as {
  energy: Record<string, Record<'sft' | 'rl', Record<string, number>> & { cosine: number }>
  histogram: Record<string, number>
  topk: number
  spectrum: Record<string, Record<'sft' | 'rl', Measured> & { angles: { left: number[]; right: number[] } }>
  methods: Record<string, { recipe: RecipeObject; parameters: Record<string, string> }>
  splice: { text: string; input_ids: number[][]; logits: number[] }
}

/** Its three checkpoints, completed with the side files of their shape. Base has the other layout of names. */
export function fixtureTrio() {
  const root = temporaryDirectory()
  const labels = ['base', 'in', 'rl'] as const
  for (const label of labels) {
    cpSync(path.join(fixtures, 'models/v4-bfloat16'), path.join(root, label), { recursive: true })
    cpSync(path.join(fixtures, 'weights', label), path.join(root, label), { recursive: true })
  }
  const [base, sft, rl] = labels.map((label) => path.join(root, label)) as [string, string, string]
  return { root, models: { base, in: sft, rl } }
}

export function relativeError(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-300)
}
