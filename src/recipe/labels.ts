/** What the checkpoints of the analysis are called; the other words for them are those of published pairs. */
const labels = { base: 'base', in: 'in', sft: 'in', coldstart: 'in', rl: 'rl', final: 'rl' } as const

export type Label = (typeof labels)[keyof typeof labels]

/** Every word for a label. */
export const labelWords = Object.keys(labels) as (keyof typeof labels)[]

/** The label a word stands for, in any case; any other word is itself: a path, or a name on the Hub. */
export function labelOf(word: string): Label | string {
  const lower = word.toLowerCase()
  return Object.hasOwn(labels, lower) ? labels[lower as keyof typeof labels] : word
}

export function isLabel(model: string): model is Label {
  return (Object.values(labels) as string[]).includes(model)
}
