type Box = readonly [number, number, number, number]

/** What an answer says of the answers known for the target and the source image; null where they are not known. */
export interface Matches {
  target: boolean | null
  source: boolean | null
  /** Of the answer's box, where the known answers are boxes. */
  iouTarget?: number | null
  iouSource?: number | null
}

/**
 * Whether `reply` gives an image's answer. Boxes (`[x1, y1, x2, y2]`) match at an intersection over union of at least 0.5; numbers, in digits or
 * words, when they are the first of the reply; other answers when the reply has their words one after another. `scale`: from the pixels of the known
 * boxes to those the model saw, across and down; it answers in these.
 */
export function matches(
  reply: string,
  target: string | undefined,
  source: string | undefined,
  scale: readonly [number, number] = [1, 1],
): Matches {
  if (boxIn(target) || boxIn(source)) {
    const [iouTarget, iouSource] = [target, source].map((known) => iou(boxIn(reply), scaled(boxIn(known), scale)))
    return { target: reaches(iouTarget), source: reaches(iouSource), iouTarget, iouSource }
  }
  return { target: says(reply, target), source: says(reply, source) }
}

/** Whether an intervention moved the answer from somewhere else to the source's; null where the two images have one answer, or none is known. */
export function movedToSource(original: Matches, swapped: Matches, target = '', source = ''): boolean | null {
  if (target === '' || source === '' || words(target).join(' ') === words(source).join(' ')) return null
  return swapped.source === true && original.source !== true
}

const threshold = 0.5

function reaches(value: number | null | undefined): boolean | null {
  return value === null || value === undefined ? null : value >= threshold
}

/** The first four numbers, when they are the corners of a box. */
function boxIn(text = ''): Box | undefined {
  const numbers = (text.match(/-?\d+(?:\.\d+)?/g) ?? []).slice(0, 4).map(Number)
  const [x1, y1, x2, y2] = numbers
  if (numbers.length < 4 || !(x2! > x1!) || !(y2! > y1!)) return undefined
  return [x1!, y1!, x2!, y2!]
}

function scaled(box: Box | undefined, [across, down]: readonly [number, number]): Box | undefined {
  return box && [box[0] * across, box[1] * down, box[2] * across, box[3] * down]
}

// 0 for a reply without a box, null where none is known.
function iou(a: Box | undefined, b: Box | undefined): number | null {
  if (!b) return null
  if (!a) return 0
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0])
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1])
  const common = Math.max(width, 0) * Math.max(height, 0)
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1])
  return common / (area(a) + area(b) - common)
}

function says(reply: string, answer: string | undefined): boolean | null {
  if (answer === undefined || answer === '') return null
  const [said, known] = [words(reply), words(answer)]
  if (known.length === 1 && /^\d+$/.test(known[0]!)) return said.find((word) => /^\d+$/.test(word)) === known[0]
  return ` ${said.join(' ')} `.includes(` ${known.join(' ')} `)
}

const numbers =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'
    .split(' ')
    .map((word, value) => [word, String(value)] as const)
const digits = new Map(numbers)

function words(text: string): string[] {
  const found = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  return found.map((word) => digits.get(word) ?? word.replace(/^0+(?=\d)/, ''))
}
