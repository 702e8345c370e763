import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { writeAtomic } from '../run/files.ts'
import { type Page, renderPage } from './page.ts'
import { type Material, readMaterial } from './runs.ts'
import type { Section } from './section.ts'
import { attentionSection } from './sections/attention.ts'
import { compareSection } from './sections/compare.ts'
import { evaluationSection } from './sections/evaluation.ts'
import { provenanceSection } from './sections/provenance.ts'
import { reasoningSection } from './sections/reasoning.ts'
import { trainingSection } from './sections/training.ts'
import { visionSection } from './sections/vision.ts'

const ReportOptions = z.strictObject({
  /** The file to write; by default `report.html` in the run's directory. */
  out: z.string().min(1).optional(),
  title: z.string().min(1).optional(),
})
export type ReportOptions = z.input<typeof ReportOptions>

export interface ReportResult {
  /** Absolute path. */
  file: string
  bytes: number
  /** Ids of the parts there were data for. */
  sections: string[]
}

/**
 * One self-contained HTML page about every run at and below a directory: what a study wrote, or any of `probe`, `compare`, `eval` and `train`.
 * It reads their files and computes nothing beyond intervals, so its tables are theirs. Throws `ERR_DATA` when there is no run or a file is damaged,
 * `ERR_OUTPUT` when the page cannot be written.
 */
export async function report(directory: string, options: ReportOptions = {}): Promise<ReportResult> {
  const { out = join(directory, 'report.html'), title } = check(ReportOptions, options)
  const material = await readMaterial(check(z.string().min(1), directory, 'directory'))
  const sections = (
    await Promise.all([
      visionSection(material),
      reasoningSection(material),
      attentionSection(material),
      compareSection(material),
      evaluationSection(material),
      trainingSection(material),
    ])
  ).filter((section): section is Section => section !== undefined)
  sections.push(provenanceSection(material))
  const page: Page = {
    title: title ?? material.manifest?.title ?? basename(material.root),
    labels: labelsOf(material),
    sections,
  }
  const text = await renderPage(page)
  await writeAtomic(out, text)
  return { file: resolve(out), bytes: Buffer.byteLength(text), sections: sections.map(({ id }) => id) }
}

function labelsOf({ manifest }: Material): Page['labels'] {
  if (!manifest) return []
  const labels: Page['labels'] = []
  if (manifest.kind === 'tiny-world')
    labels.push({
      title: 'Tiny world.',
      text: 'These are small models trained on drawn images in minutes, on one machine. They show how the analysis works; they are not the models of the paper, and their figures say nothing about those.',
    })
  if (manifest.random.length > 0)
    labels.push({
      title: 'Random weights.',
      text: `${manifest.random.join(', ')}: these models were never trained. Their replies mean nothing, so neither do the figures; only the machinery that made them is real.`,
    })
  if (manifest.notes.length > 0) labels.push({ title: 'Note.', text: manifest.notes.join(' ') })
  return labels
}
