import { normaliseLatex } from './latex-normal.ts'
import { latexValue } from './latex-value.ts'
import { pythonFloat, roundHalfEven } from './python-number.ts'

const cues = ['the final answer is', 'the answer is', 'the correct answer is', 'the answer should be']

/** The answer MathVision's rule finds in a reply: a letter that ends it, a number after "is", the text after a cue, or the last `\boxed{}`. */
export function extractMathVision(response: string): string {
  let text = response.trim()
  for (const letter of 'ABCDE') {
    const ends = [` ${letter}.`, ` (${letter}).`].some((ending) => text.endsWith(ending))
    if (ends || [`${letter}\n`, `(${letter})\n`, `(${letter}) ${letter}\n`].some((start) => text.startsWith(start))) {
      text = letter
    }
  }
  const afterIs = lastPart(text, 'is ').replace(/(?<!\.)\.+$/, '')
  if (pythonFloat(afterIs) !== undefined) text = afterIs
  const boxes = text.split('oxed{').length - 1
  if (boxes === 0) text = afterCues(text)
  if (boxes > 1) text = `\\boxed{${lastPart(text, 'oxed{')}`
  return lettersBare(boxedPart(text))
    .replace(/(?<!\.)\.+$/, '')
    .replace(/^:+/, '')
    .trim()
}

/**
 * MathVision's verdict on two answers: the same text, or values that agree when rounded to two decimals, alone or inside a tuple or interval.
 * The rounding makes it count 2018 for √(2018² + 2) and 1/300 for 1/900.
 */
export function equalMathVision(a: string, b: string): boolean {
  const [left, right] = [a.toLowerCase().trim(), b.toLowerCase().trim()]
  if (left === '' || right === '') return false
  if (left === right || roundedTuple(left) === roundedTuple(right)) return true
  const [x, y] = [latexValue(left), latexValue(right)]
  return x !== undefined && y !== undefined && roundHalfEven(x, 2) === roundHalfEven(y, 2)
}

function lastPart(text: string, separator: string): string {
  return text.slice(text.lastIndexOf(separator) === -1 ? 0 : text.lastIndexOf(separator) + separator.length)
}

// After a cue the answer goes to the end of its sentence or line.
function afterCues(text: string): string {
  let rest = text
  for (const cue of cues.flatMap((lower) => [lower, lower.replace('the', 'The')])) {
    if (rest.includes(cue)) rest = lastPart(rest, cue).trim().split('\n')[0]!.split('. ')[0]!
  }
  return rest
}

function boxedPart(text: string): string {
  const lower = text.toLowerCase().replaceAll('{}', '')
  let answer = /oxed\{(.*)\}/s.exec(lower)?.[1] ?? lower
  const close = answer.indexOf('}')
  const open = answer.indexOf('{')
  if (close !== -1 && (open === -1 || close < open)) answer = answer.slice(0, close)
  return normaliseLatex(
    lastPart(lastPart(answer, '='), '\\approx')
      .replaceAll(' ', '')
      .replaceAll('\\,', '')
      .replaceAll('∞', '\\infty')
      .replaceAll('+\\infty', '\\infty')
      .replaceAll('\\\\', '\\')
      .replace(/\\?\$/g, '')
      .replace(/\\text|\\mbox/g, '')
      .replaceAll('bmatrix', 'pmatrix')
      .replace(/\\left|\\right|\^\{\\circ\}|\^\\circ/g, '')
      .replace(/\{m\}\^3|m\^3|\{units\}|units|\{km\}|km/g, ''),
  )
}

function lettersBare(text: string): string {
  return text.replace(/\(([a-e])\)/g, '$1').replace(/\{([a-e])\}/g, '$1')
}

function roundedTuple(text: string): string {
  const parts = text.slice(1, -1).split(',')
  const bracketed = /^(?:\(.*\)|\[.*\])$/s.test(text)
  if (!bracketed || parts.length < 2) return text
  const rounded = parts.map((part) => {
    if (part.includes('infty') || part === 'a' || part === '-a') return part
    const value = latexValue(part)
    return value === undefined ? undefined : roundHalfEven(value, 2)
  })
  return rounded.includes(undefined) ? text : `${text[0]}${rounded.join(',')}${text.at(-1)}`
}
