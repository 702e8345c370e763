import type { Scene } from '../../src/data/world/index.ts'

// The world's questions answered a second way, from facts that come from a scene, a description or pixels.

export interface Facts {
  kinds: { color: string; shape: string; count: number; where?: string; box?: string }[]
  texts: string[]
}

export function factsOfScene({ size, things, texts }: Scene): Facts {
  const kinds = new Map<string, Facts['kinds'][number]>()
  for (const { color, shape, x, y, diameter } of things) {
    const known = kinds.get(`${color} ${shape}`)
    const box = [x, y, x + diameter, y + diameter].join(',')
    const where = x + diameter <= size / 2 ? 'left' : x >= size / 2 ? 'right' : 'between'
    kinds.set(
      `${color} ${shape}`,
      known ? { ...known, count: known.count + 1 } : { color, shape, count: 1, where, box },
    )
  }
  return { kinds: [...kinds.values()], texts: texts.map(({ text }) => text) }
}

export function factsOfDescription(description: string): Facts {
  const written = /^(?:word|number) (\w+)$|^numbers (\d+) and (\d+)$/.exec(description)
  if (written) return { kinds: [], texts: written.slice(1).filter(Boolean) }
  const kinds = description.split(', ').map((part) => {
    const [, count, color, shape, where, box] =
      /^(\d+ )?(\w+) (\w+?)s?(?: (left|middle|right)| ([\d,]+))?$/.exec(part) ?? []
    if (!color || !shape) throw new Error(`not a description: ${part}`)
    return { color, shape, count: Number(count ?? 1), where, box }
  })
  return { kinds, texts: [] }
}

export function answer(prompt: string, { kinds, texts }: Facts): string {
  const count = (name: string) =>
    kinds.filter(({ color, shape }) => color === name || shape === name).reduce((sum, kind) => sum + kind.count, 0)
  const only = (name: string) => {
    const found = kinds.filter(({ color, shape }) => [color, shape, `${color} ${shape}`].includes(name))
    if (found.length !== 1 || found[0]!.count !== 1) throw new Error(`${name} is not one thing`)
    return found[0]!
  }
  const [first, second] = texts.map(Number)
  const rules: [RegExp, (a: string, b: string) => string | undefined][] = [
    [/^How many are (\w+)\?$/, (name) => String(count(name))],
    [/^How many (\w+)s\?$/, (name) => String(count(name))],
    [/^What color is the (\w+)\?$/, (name) => only(name).color],
    [/^What shape is (\w+)\?$/, (name) => only(name).shape],
    [/^Is the (\w+?)(?: one)? left or right\?$/, (name) => only(name).where],
    [/^Is (?:anything|there a) (\w+)\?$/, (name) => (count(name) > 0 ? 'yes' : 'no')],
    [/^Box of the (\w+ \w+)\?$/, (name) => only(name).box],
    [/^Read the (?:word|number)\.$/, () => (texts.length === 1 ? texts[0] : undefined)],
    [/^How many are (\w+) or (\w+)\?$/, (a, b) => String(count(a) + count(b))],
    [/^How many more (\w+) than (\w+)\?$/, (a, b) => String(count(a) - count(b))],
    [/^Are more (\w+) or (\w+)\?$/, (a, b) => [b, undefined, a][Math.sign(count(a) - count(b)) + 1]],
    [/^What is the sum\?$/, () => String(first! + second!)],
    [/^Which is larger\?$/, () => (first === second ? undefined : String(Math.max(first!, second!)))],
  ]
  for (const [pattern, rule] of rules) {
    const match = pattern.exec(prompt)
    if (match) return rule(match[1]!, match[2]!) ?? 'none'
  }
  throw new Error(`no rule for ${prompt}`)
}

export interface Blob {
  /** Its most frequent color as `r,g,b`. */
  rgb: string
  box: [number, number, number, number]
  pixels: number
}

/** Connected regions (by eight neighbours) of what is not white in an RGB image. */
export function blobs(pixels: Uint8Array, size: number): Blob[] {
  const isWhite = (at: number) => pixels.subarray(at * 3, at * 3 + 3).every((value) => value === 255)
  const seen = new Uint8Array(size * size)
  const found: Blob[] = []
  for (let start = 0; start < size * size; start++) {
    if (seen[start] || isWhite(start)) continue
    const region = [start]
    seen[start] = 1
    for (const at of region) {
      for (const [dx, dy] of neighbours) {
        const [x, y] = [(at % size) + dx, Math.floor(at / size) + dy]
        const next = y * size + x
        if (x < 0 || y < 0 || x >= size || y >= size || seen[next] || isWhite(next)) continue
        seen[next] = 1
        region.push(next)
      }
    }
    const colors = new Map<string, number>()
    for (const at of region) {
      const rgb = pixels.subarray(at * 3, at * 3 + 3).join(',')
      colors.set(rgb, (colors.get(rgb) ?? 0) + 1)
    }
    const xs = region.map((at) => at % size)
    const ys = region.map((at) => Math.floor(at / size))
    found.push({
      rgb: [...colors].sort((a, b) => b[1] - a[1])[0]![0],
      box: [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1],
      pixels: region.length,
    })
  }
  return found
}

const neighbours = [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => [dx, dy] as const))
