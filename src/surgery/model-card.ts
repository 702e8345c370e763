import { stringify } from 'yaml'
import { type Block, blockOf, blocks } from '../checkpoint/blocks.ts'
import { version } from '../version.ts'
import type { Assignment } from './plan.ts'
import type { PreparedMerge } from './prepare.ts'

/** README.md of a merged checkpoint: what a reader of the directory, or the Hub, wants to know first. */
export function modelCard({ recipe, locations, decoder, assignments }: PreparedMerge): string {
  const onHub = [...locations.values()].filter((location) => /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.test(location))
  const head = {
    library_name: 'transformers',
    tags: ['merge', 'frankentorch'],
    ...(onHub.length > 0 ? { base_model: onHub.map((location) => location.split('@')[0]!) } : {}),
  }
  const written = typeof recipe.written === 'string' ? recipe.written : stringify(recipe.written).trimEnd()
  return `---
${stringify(head)}---

# Merged checkpoint

Made by frankentorch ${version} of ${[...locations].map(([name, location]) => (name === location ? name : `${name} (${location})`)).join(', ')}:

${written.replace(/^/gm, '    ')}

| part | made of |
|---|---|
${parts(assignments, decoder.numHiddenLayers).join('\n')}

Names, shards, configuration and tokenizer are those of ${recipe.models[0]!}. \`merge.json\` says what every parameter was made of.
`
}

// A line for each part of the model, and in the decoder for each run of layers that were made alike.
function parts(assignments: readonly Assignment[], numHiddenLayers: number): string[] {
  const lines: { part: string; made: string; first: number; last: number }[] = []
  const outside = new Map<Block, Set<string>>()
  const layers = Array.from({ length: numHiddenLayers }, () => new Set<string>())
  for (const assignment of assignments) {
    const layer = /^language_model\.layers\.(\d+)\./.exec(assignment.name)?.[1]
    const block = blockOf(assignment.name, numHiddenLayers)
    if (layer === undefined) outside.set(block, (outside.get(block) ?? new Set()).add(making(assignment)))
    else layers[Number(layer)]!.add(making(assignment))
  }
  layers.forEach((makings, layer) => {
    const made = [...makings].join('; ')
    const before = lines.at(-1)
    if (before?.made === made) before.last = layer
    else lines.push({ part: 'layers', made, first: layer, last: layer })
  })
  return [
    ...blocks.flatMap((block) => (outside.has(block) ? [`| ${block} | ${[...outside.get(block)!].join('; ')} |`] : [])),
    ...lines.map(
      ({ first, last, made }) => `| layer${first === last ? ` ${first}` : `s ${first}–${last}`} | ${made} |`,
    ),
  ]
}

function making({ method, origins, base }: Assignment): string {
  const from = origins.map(({ model }) => model).join(', ')
  return method.name === 'passthrough' ? from : `${method.name} of ${from}${base ? ` over ${base.model}` : ''}`
}
