import { labelsOf, paperTables, readResults } from './results.ts'
import { readMaterial } from './runs.ts'
import { percent } from './section.ts'

/** The paper's tables for the models of a directory as text, each with its title; empty where nothing was evaluated. */
export async function resultTables(directory: string): Promise<string> {
  const material = await readMaterial(directory)
  const { results, models } = await readResults(material)
  const labels = labelsOf(results)
  return paperTables(models, material)
    .map(({ title, models }) => {
      const rows = models.map((model) => [
        model,
        ...labels.map(([task]) => percent(results[model]?.[task]?.result?.value)),
        material.manifest?.models[model]?.recipe ?? '',
      ])
      return `${title} (%)\n\n${columns([['', ...labels.map(([, label]) => label), ''], ...rows])}\n\n`
    })
    .join('')
}

// Names to the left, figures to the right, notes after them.
function columns(rows: readonly (readonly string[])[]): string {
  const last = rows[0]!.length - 1
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 || column === last ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
