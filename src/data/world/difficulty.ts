import { z } from 'zod'
import { vocabulary } from './words.ts'

/** On white. `colors: N` takes the first N, ordered so that few are far apart. */
export const colors = {
  red: [220, 30, 30],
  blue: [30, 70, 230],
  green: [20, 150, 50],
  yellow: [240, 190, 0],
  purple: [150, 40, 190],
  black: [0, 0, 0],
  orange: [250, 120, 0],
  gray: [140, 140, 140],
} as const
export type Color = keyof typeof colors
export const colorNames = Object.keys(colors) as Color[]

/** `shapes: N` takes the first N. Every shape fills its box from edge to edge. */
export const shapeNames = ['circle', 'square', 'triangle', 'star', 'ring', 'diamond'] as const
export type Shape = (typeof shapeNames)[number]

export const perceptionTasks = ['count', 'color', 'shape', 'side', 'present', 'locate', 'number', 'word'] as const
/** Tasks of the two families that compute: from an image in `vision_to_reasoning`, from its description in `reasoning`. */
export const arithmeticTasks = ['add', 'subtract', 'compare', 'sum', 'larger'] as const
export type PerceptionTask = (typeof perceptionTasks)[number]
export type ArithmeticTask = (typeof arithmeticTasks)[number]

export const familyNames = ['perception', 'vision_to_reasoning', 'reasoning'] as const
export type Family = (typeof familyNames)[number]
const taskNames = [...perceptionTasks, ...arithmeticTasks] as const
export type TaskName = (typeof taskNames)[number]

/** What may occur in the world's images and questions. The defaults are what a model of two million parameters learns in minutes. */
export const Difficulty = z
  .strictObject({
    /** Side of the square images in pixels, a multiple of 28 from 84 to 896. */
    size: z
      .int()
      .min(84)
      .max(896)
      .refine((size) => size % 28 === 0, 'a multiple of 28')
      .default(112),
    /** Cells of a row and of a column of the grid on which things stand, 3 or 4. `size` must be a multiple of it. */
    grid: z.int().min(3).max(4).default(4),
    /** The most things of one kind that a question counts, 2 to 8. */
    maxCount: z.int().min(2).max(8).default(5),
    /** How many colors there are, 2 to 8: red, blue, green, yellow, purple, black, orange, gray. */
    colors: z.int().min(2).max(colorNames.length).default(4),
    /** How many shapes there are, 2 to 6: circle, square, triangle, star, ring, diamond. */
    shapes: z.int().min(2).max(shapeNames.length).default(3),
    /** Digits of a written number, 1 to 3. */
    digits: z.int().min(1).max(3).default(1),
    /** How many different words may be written, 2 to 32. */
    words: z.int().min(2).max(vocabulary.length).default(8),
    /** The most things in a scene that the question does not ask about, 0 to 12. */
    distractors: z.int().min(0).max(12).default(2),
    /** How far things stray from the middle of their cell and how much their sizes differ, 0 (not at all) to 1. */
    jitter: z.number().min(0).max(1).default(1),
    /** Families to draw from; each gets the same share. */
    families: z
      .array(z.enum(familyNames))
      .min(1)
      .refine(unique, 'no name twice')
      .default([...familyNames]),
    /** Tasks to draw from; inside a family each gets the same share. */
    tasks: z
      .array(z.enum(taskNames))
      .min(1)
      .refine(unique, 'no name twice')
      .default([...taskNames]),
  })
  .refine(({ maxCount, distractors, grid }) => 2 * maxCount + distractors <= grid * grid, {
    message: '2 × maxCount + distractors ≤ grid² (the cells of the grid)',
  })
  .refine(({ size, grid }) => size % grid === 0, { message: 'size a multiple of grid' })
  .refine(({ colors, distractors }) => colors >= 3 || distractors === 0, {
    message: 'at least 3 colors where there are distractors',
  })
  .refine(({ families, tasks }) => families.every((family) => tasksOf(family, tasks).length > 0), {
    message: 'at least one task of every family',
  })
export type Difficulty = z.output<typeof Difficulty>

/** The tasks among `tasks` that `family` has. */
export function tasksOf(family: Family, tasks: readonly TaskName[]): TaskName[] {
  const own: readonly string[] = family === 'perception' ? perceptionTasks : arithmeticTasks
  return tasks.filter((task) => own.includes(task))
}

function unique(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}
