import type { ImageSource } from '../../model/processor/image-source.ts'
import { readPairs, type VisionPair } from '../../probe/pairs.ts'
import { Html, html } from '../html.ts'
import { thumbnail } from '../thumbnail.ts'
import type { SwapRecord, VisionRun } from './vision.ts'

const perTask = 2

/** A few pairs with both images, the answer, and what the swap made of it, for the last of the models. */
export async function swapSamples(found: readonly VisionRun[]): Promise<Html[]> {
  const shown = found.at(-1)!
  const data = shown.run.config.data.pairs?.path
  // A report may be made where the data is not.
  const pairs = data === undefined ? [] : await readPairs(data).catch(() => [])
  const cards: Html[] = []
  for (const task of shown.summary.tasks) {
    const bySample = new Map<string, SwapRecord[]>()
    for (const record of shown.records.filter((one) => one.task === task)) {
      if (!bySample.get(record.sample_id)?.push(record)) bySample.set(record.sample_id, [record])
    }
    // Those whose answer changes from some layers and not from others show most.
    const telling = (records: SwapRecord[]) => new Set(records.map(({ answer_changed }) => answer_changed)).size > 1
    const chosen = [...bySample].sort(([, a], [, b]) => Number(telling(b)) - Number(telling(a))).slice(0, perTask)
    for (const [id, records] of chosen) {
      const pair = pairs.find((one): one is VisionPair => one.task === task && one.id === id && !('invalid' in one))
      cards.push(await card(task, id, records, pair))
    }
  }
  if (cards.length === 0) return []
  return [
    html`<h3>Examples from ${shown.model}</h3>
      <p class="caption">Answers as the model gave them. Layers with the same answer are one line.</p>
      <div class="pair">${cards}</div>`,
  ]
}

async function card(task: string, id: string, records: SwapRecord[], pair: VisionPair | undefined): Promise<Html> {
  const { original_answer, target_answer, source_answer } = records[0]!
  const picture = async (image: ImageSource, name: string, answer: string) => {
    const url = await thumbnail(image).catch(() => undefined)
    const label = `${name}${answer ? `: ${answer}` : ''}`
    return html`<figure>${url && html`<img src="${url}" alt="${name} image of ${task} ${id}">`}<figcaption>${label}</figcaption></figure>`
  }
  const images = pair
    ? html`<div class="images">${await picture(pair.targetImage, 'Target', target_answer)}${await picture(pair.sourceImage, 'Source', source_answer)}</div>`
    : new Html('')
  return html`<article class="sample">
    ${images}
    <p class="prompt"><b>${task}</b> ${short(pair?.prompt ?? id)}</p>
    <table>
      <tr><th scope="row">No swap</th><td>${short(original_answer)}</td></tr>
      ${stretches(records).map(({ from, to, answer, changed }) => html`<tr><th scope="row">From layer ${from === to ? from : `${from} … ${to}`}</th><td class="${changed ? 'changed' : ''}">${short(answer)}</td></tr>`)}
    </table>
  </article>`
}

function stretches(records: readonly SwapRecord[]) {
  const sorted = [...records].sort((a, b) => a.layer - b.layer)
  const found: { from: number; to: number; answer: string; changed: boolean }[] = []
  for (const { layer, swapped_answer: answer, answer_changed: changed } of sorted) {
    const last = found.at(-1)
    if (last?.answer === answer) last.to = layer
    else found.push({ from: layer, to: layer, answer, changed })
  }
  return found.length <= 8 ? found : [...found.slice(0, 4), ...found.slice(-4)]
}

function short(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') return '(empty)'
  return trimmed.length > 160 ? `${trimmed.slice(0, 157)}…` : trimmed
}
