import { z } from 'zod'

/** What a model is in the analysis of arXiv 2602.12395. */
export const roles = ['base', 'in', 'rl', 'frozen-early', 'frozen-middle', 'frozen-late', 'splice', 'other'] as const
export type Role = (typeof roles)[number]

/** `study.json`: what the runs in the directory have to do with each other. */
export const StudyManifest = z.strictObject({
  schema: z.literal(1),
  title: z.string(),
  /** Where the models come from; a report says so on top. */
  kind: z.enum(['tiny-world', 'checkpoints']),
  /** Models whose weights are random, so that their replies mean nothing. */
  random: z.array(z.string()),
  /** By the name they have in runs and tables, in the order of the tables. */
  models: z.record(
    z.string(),
    z.strictObject({
      role: z.enum(roles),
      /** Of a splice. */
      recipe: z.string().optional(),
      /** Of its runs, where it is not the name. */
      folder: z.string().optional(),
    }),
  ),
  /** What a reader must know of the models and data, a sentence each. */
  notes: z.array(z.string()),
})
export type StudyManifest = z.infer<typeof StudyManifest>

export const manifestFile = 'study.json'

// None of the colours that other roles have.
const spliceColours = ['#4aa8d8', '#7a6ff0', '#c7475f', '#5f9e3a', '#a06a3c', '#2f9fa0']

/** Colour of a model by its role, so that one model has one colour in every figure; of a splice, by its place `among` splices. */
export function roleColour(role: Role, among = 0): string | undefined {
  const fixed: Partial<Record<Role, string>> = {
    base: '#8c8c8c',
    in: '#2f7fc1',
    rl: '#d9621e',
    'frozen-early': '#1f9d74',
    'frozen-middle': '#b56fb0',
    'frozen-late': '#c99308',
  }
  return role === 'splice' ? spliceColours[among % spliceColours.length] : fixed[role]
}
