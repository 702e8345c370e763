import { type Html, html } from '../html.ts'
import type { Material } from '../runs.ts'
import type { Section } from '../section.ts'

/** Every run with its settings, and the hashes of what it read. */
export function provenanceSection({ runs }: Material): Section {
  const hash = (sources: Record<string, { sha256: string }>) =>
    Object.entries(sources).map(
      ([name, { sha256 }]) => html`<div>${name} <code>${sha256.slice(0, 12) || '–'}</code></div>`,
    )
  const rows = runs.map(
    ({ place, config }) =>
      html`<tr><td>${place}</td><td style="text-align:left">${config.command}</td><td style="text-align:left">${hash(config.models)}</td><td style="text-align:left">${hash(config.data)}</td><td>${config.version}</td></tr>`,
  )
  const settings: Html[] = runs.map(
    ({ place, config }) =>
      html`<details><summary>${place}: ${config.command}</summary><pre tabindex="0">${JSON.stringify(config.arguments, null, 2)}</pre></details>`,
  )
  return {
    id: 'provenance',
    name: 'Provenance',
    title: 'Settings and provenance',
    intro:
      'Each run directory, with the first digits of the SHA-256 of the checkpoints and data it read; the same command on the same files writes the same records.',
    findings: [],
    figures: [],
    parts: [
      html`<div class="tablebox" tabindex="0"><table><thead><tr><th scope="col">Run</th><th scope="col" style="text-align:left">Command</th><th scope="col" style="text-align:left">Models</th><th scope="col" style="text-align:left">Data</th><th scope="col">Version</th></tr></thead><tbody>${rows}</tbody></table></div>`,
      html`<h3>Settings</h3>${settings}`,
    ],
  }
}
