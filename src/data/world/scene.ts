import { type Color, colorNames, type Difficulty, type Shape, shapeNames } from './difficulty.ts'
import { glyphHeight, textWidth } from './font.ts'
import type { Random } from './random.ts'

/** What an image shows: things on a grid, or one or two texts. Coordinates in pixels from the top left. */
export interface Scene {
  size: number
  /** White where it is absent. */
  background?: 'black'
  things: Thing[]
  texts: Text[]
}

/** In one scene every kind has a color of its own. */
export interface Kind {
  color: Color
  shape: Shape
}

export interface Thing extends Kind {
  x: number
  y: number
  diameter: number
}

export interface Text {
  text: string
  color: Color
  x: number
  y: number
  /** Pixels a dot of the font. */
  scale: number
}

/** An image in which nothing can be seen. */
export function blackScene(size: number): Scene {
  return { size, background: 'black', things: [], texts: [] }
}

/** Things of one kind; `cells` limits where they may stand. */
export interface Group extends Kind {
  count: number
  cells?: readonly number[]
}

/** Cells of the grid, row by row. */
export function cellsOf(grid: number): number[] {
  return Array.from({ length: grid * grid }, (_, cell) => cell)
}

/** A scene of things in cells of their own, none touching another. */
export function arrange(groups: readonly Group[], random: Random, { size, grid, jitter }: Difficulty): Scene {
  const allCells = cellsOf(grid)
  let free = allCells
  const things = groups.flatMap(({ color, shape, count, cells = allCells }) => {
    const allowed = free.filter((cell) => cells.includes(cell))
    const taken = random.sample(allowed, count)
    free = free.filter((cell) => !taken.includes(cell))
    return taken.map((cell) => ({ color, shape, ...placeInCell(cell, size, grid, jitter, random) }))
  })
  return { size, things, texts: [] }
}

// Diameters from 5/7 to 6/7 of a cell: at 112 pixels 20 to 24 of 28, with at least a pixel to the cell's edge.
function placeInCell(
  cell: number,
  size: number,
  grid: number,
  jitter: number,
  random: Random,
): Omit<Thing, keyof Kind> {
  const side = size / grid
  const spread = Math.floor((jitter * side) / 14)
  const diameter = middleDiameter(side) + random.between(-spread, spread)
  const margin = Math.floor((side - diameter) / 2)
  const reach = Math.floor(jitter * (margin - 1))
  const x = side * (cell % grid) + margin + random.between(-reach, reach)
  const y = side * Math.floor(cell / grid) + margin + random.between(-reach, reach)
  return { x, y, diameter }
}

function middleDiameter(side: number): number {
  return Math.round((side * 11) / 14)
}

/** `[x1, y1, x2, y2]` in pixels, the second corner exclusive. */
export function box({ x, y, diameter }: Omit<Thing, keyof Kind>): [number, number, number, number] {
  return [x, y, x + diameter, y + diameter]
}

/** The box of a thing that does not stray from the middle of its cell. */
export function middleBox(cell: number, { size, grid }: Difficulty): [number, number, number, number] {
  const side = size / grid
  const diameter = middleDiameter(side)
  const margin = Math.floor((side - diameter) / 2)
  return box({ x: side * (cell % grid) + margin, y: side * Math.floor(cell / grid) + margin, diameter })
}

/** Cells of the left or right half; in a grid of three columns the middle one belongs to neither. */
export function half(side: 'left' | 'right', grid: number): number[] {
  const columns = Math.floor(grid / 2)
  return cellsOf(grid).filter((cell) => (side === 'left' ? cell % grid < columns : cell % grid >= grid - columns))
}

// Columns of four stand an eighth of the side from the middle, and stray by less than half of that.
const middleShare = 1 / 16

/** The half in which a thing stands, or `middle` for the middle column of three. */
export function sideOf({ x, diameter }: Thing, size: number): 'left' | 'middle' | 'right' {
  const fromMiddle = x + diameter / 2 - size / 2
  if (Math.abs(fromMiddle) < middleShare * size) return 'middle'
  return fromMiddle < 0 ? 'left' : 'right'
}

/** Colors and shapes that must not occur. */
export interface Avoid {
  colors?: readonly Color[]
  shapes?: readonly Shape[]
}

export function kind(random: Random, difficulty: Difficulty, avoid: Avoid = {}): Kind {
  return { color: random.pick(colorsOf(difficulty, avoid)), shape: random.pick(shapesOf(difficulty, avoid)) }
}

/** Up to `difficulty.distractors` things of at most `kinds` kinds: a description names every kind, and must stay short. */
export function distractors(random: Random, difficulty: Difficulty, kinds: number, avoid: Avoid): Group[] {
  const colors = colorsOf(difficulty, avoid)
  const shapes = shapesOf(difficulty, avoid)
  const groups = random
    .sample(colors, Math.min(kinds, colors.length))
    .map((color) => ({ color, shape: random.pick(shapes), count: 0 }))
  const total = groups.length === 0 ? 0 : random.between(0, difficulty.distractors)
  for (let i = 0; i < total; i++) random.pick(groups).count++
  return groups.filter(({ count }) => count > 0)
}

/** A scene of one text, or of two, one above the other. */
export function write(texts: readonly string[], random: Random, { size, colors, jitter }: Difficulty): Scene {
  const height = size / texts.length
  const scale = textScale(Math.max(...texts.map(textWidth)), size)
  const reach = Math.floor((jitter * size) / 28)
  const stray = () => random.between(-reach, reach)
  return {
    size,
    things: [],
    texts: texts.map((text, row) => ({
      text,
      color: random.pick(colorNames.slice(0, colors)),
      x: Math.floor((size - textWidth(text) * scale) / 2) + stray(),
      y: Math.floor(height * row + (height - glyphHeight * scale) / 2) + stray(),
      scale,
    })),
  }
}

// At most 0.85 of the width and 0.7 of half the height: a text alone is written as large as one of two, so that what is learnt
// from one serves for the other.
function textScale(widestDots: number, size: number): number {
  return Math.floor(Math.min((size * 17) / (widestDots * 20), (size * 7) / (glyphHeight * 20)))
}

function colorsOf(difficulty: Difficulty, { colors = [] }: Avoid): Color[] {
  return colorNames.slice(0, difficulty.colors).filter((color) => !colors.includes(color))
}

function shapesOf(difficulty: Difficulty, { shapes = [] }: Avoid): Shape[] {
  return shapeNames.slice(0, difficulty.shapes).filter((shape) => !shapes.includes(shape))
}
