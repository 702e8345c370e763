import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const tag = 'random-weights'

/** Writes a model card that says what a checkpoint of random weights is. */
export async function writeRandomCard(directory: string, seed: number): Promise<void> {
  const card = `---\ntags:\n- ${tag}\n---\n\nRandom weights (seed ${seed}), written by \`frankentorch init\`. The model was never trained: its replies mean nothing.\n`
  await writeFile(join(directory, 'README.md'), card)
}

/** Whether a checkpoint's model card says that its weights are random. */
export async function isRandom(directory: string): Promise<boolean> {
  const card = await readFile(join(directory, 'README.md'), 'utf8').catch(() => '')
  return new RegExp(`^- ${tag}$`, 'm').test(card)
}
