import { closing } from './braces.ts'

/** Characters that have a LaTeX or ASCII spelling. */
const characters: Readonly<Record<string, string>> = {
  // LaTeX that went through a string escape
  '\f': '\\f',
  '\b': '\\b',
  '−': '-',
  '–': '-',
  '—': '-',
  '×': '\\times ',
  '·': '\\cdot ',
  '⋅': '\\cdot ',
  '÷': '/',
  π: '\\pi ',
  '∞': '\\infty ',
  '°': '^\\circ ',
  '℃': '^\\circ \\text{C}',
  '²': '^{2}',
  '³': '^{3}',
  '½': '\\frac{1}{2}',
  '¼': '\\frac{1}{4}',
  '¾': '\\frac{3}{4}',
  '⅓': '\\frac{1}{3}',
  '⅔': '\\frac{2}{3}',
  '≤': '\\le ',
  '≥': '\\ge ',
  '≠': '\\ne ',
  '≈': '\\approx ',
  '±': '\\pm ',
  '∪': '\\cup ',
  '∅': '\\emptyset ',
  '％': '%',
  '，': ',',
  '（': '(',
  '）': ')',
  '“': '"',
  '”': '"',
  '‘': "'",
  '’': "'",
  '…': '\\dots ',
}
const foreign = new RegExp(`[${Object.keys(characters).join('')}]`, 'g')

/** LaTeX that changes how an answer looks and not what it says. */
const looks: readonly (readonly [RegExp, string])[] = [
  [/\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])\.?/g, ''],
  [/\\(?:displaystyle|textstyle|limits|nolimits|boldmath|bf|rm|it)(?![a-zA-Z])/g, ''],
  [/(?<!\\)\\!/g, ''],
  // not the second half of a matrix's `\\ `
  [/(?<!\\)\\(?:[,;: ]|q?quad(?![a-zA-Z])|hspace\{[^{}]*\}|hfill(?![a-zA-Z]))|~/g, ' '],
  [/\\[dtc]frac(?![a-zA-Z])/g, '\\frac'],
  [/\\[dt]binom(?![a-zA-Z])/g, '\\binom'],
  [
    /\\(?:text(?:rm|bf|it|sf|tt|normal)?|mathrm|mathbf|mathit|mathsf|mathnormal|mbox|hbox|operatorname\*?|boldsymbol|bm)(?![a-zA-Z]) ?\{/g,
    '\\text{',
  ],
  [/\\leq(?:slant)?(?![a-zA-Z])/g, '\\le'],
  [/\\geq(?:slant)?(?![a-zA-Z])/g, '\\ge'],
  [/\\(?:neq|not ?=)/g, '\\ne'],
  [/\\(?:varnothing|O)(?![a-zA-Z])|\\\{ ?\\\}/g, '\\emptyset'],
  [/\^ ?\{ ?(?:\\circ|\\degree) ?\}|\^ ?\\circ(?![a-zA-Z])|\\degree(?![a-zA-Z])|\\textdegree(?![a-zA-Z])/g, '^\\circ '],
  [/\\%|(?<=[\d}]) ?(?:\\text\{ ?per ?cent ?\}|per ?cent)(?![a-z])/g, '%'],
  [/\{,\}/g, ','],
  [/\\ast(?![a-zA-Z])/g, '*'],
  [/\s+/g, ' '],
]

const brackets: Readonly<Record<string, string>> = {
  '\\lbrace': '\\{',
  '\\rbrace': '\\}',
  '\\lbrack': '[',
  '\\rbrack': ']',
  '\\lparen': '(',
  '\\rparen': ')',
  '\\lvert': '|',
  '\\rvert': '|',
  '\\vert': '|',
}

/** Functions whose name stays a function when it comes as \mathrm{…} or \operatorname{…}. */
const functions = /\\text\{ ?(sin|cos|tan|cot|sec|csc|log|ln|exp|arcsin|arccos|arctan|gcd|max|min) ?\}/g

const approximately =
  /^(?:(?:(?:is|are|be|equals?|about|around|roughly|approximately|approx\.?|exactly|only)(?![a-z])|\\approx|\\sim|=|:) ?)+(?=\S)/i

/**
 * One spelling for the many of an answer: Unicode, LaTeX spacing and fonts, `\dfrac`, `\frac12`, thousands, delimiters of mathematics and
 * Markdown, a box, trailing punctuation. Text and unit words stay marked as `\text{…}`. Takes time linear in the length.
 */
export function normalise(answer: string): string {
  let text = answer.replace(foreign, (character) => characters[character]!)
  text = text
    .replace(/√ ?(?=\{)/g, '\\sqrt')
    .replace(/√ ?(?:\(([^()]*)\)|(\d+|[a-z]))/g, (_, inside, single) => `\\sqrt{${inside ?? single}}`)
  text = text
    .replace(/(?<![a-zA-Z\\])sqrt ?\(([^()]*)\)/g, '\\sqrt{$1}')
    .replace(/(?<![a-zA-Z\\])pi(?![a-zA-Z])/g, '\\pi ')
  text = text.replace(/\\(?:[lr](?:brace|brack|paren|vert)|vert)(?![a-zA-Z])/g, (name) => brackets[name]!)
  for (const [pattern, replacement] of looks) text = text.replace(pattern, replacement)
  text = balanced(text)
  text = braceArguments(text.replace(functions, '\\$1 '))
  text = text.replace(/\\text\{ *([^{}]*?)[ .,;]*\}/g, '\\text{$1}')
  return unwrap(withoutDelimiters(text))
}

/** Closes the few groups that the end of a response cut off. */
function balanced(text: string): string {
  const groups = text.replace(/\\[{}]/g, '')
  const missing = groups.split('{').length - groups.split('}').length
  return missing > 0 && missing <= 4 ? text + '}'.repeat(missing) : text
}

/** `\frac12`, `\frac{1}2`, `\frac\pi2` and `\sqrt2` with their braces. */
function braceArguments(text: string): string {
  const command = /\\(frac|sqrt|binom)(?![a-zA-Z]) ?/g
  let braced = ''
  let start = 0
  for (const match of text.matchAll(command)) {
    if (match.index < start) continue
    let at = match.index + match[0].length
    braced += text.slice(start, match.index + match[0].trimEnd().length)
    if (match[1] !== 'sqrt') {
      // the first argument; the second is braced below, like that of a root
      const end = argument(text, at)
      if (end === undefined) {
        start = at
        continue
      }
      braced += `{${braceArguments(bare(text.slice(at, end)))}}`
      at = end
      while (text[at] === ' ') at++
    }
    const end = text[at] === '[' ? undefined : argument(text, at)
    if (end !== undefined) braced += `{${braceArguments(bare(text.slice(at, end)))}}`
    start = end ?? at
  }
  return braced + text.slice(start)
}

/** Where the argument of a command ends: a group, another command, or one character. */
function argument(text: string, at: number): number | undefined {
  if (text[at] === '{') {
    const close = closing(text, at)
    return close < 0 ? undefined : close + 1
  }
  const token = /^(?:\\[a-zA-Z]+|[\da-zA-Z])/.exec(text.slice(at, at + 20))
  return token && !/^\\(?:frac|sqrt|binom)$/.test(token[0]) ? at + token[0].length : undefined
}

function bare(argument: string): string {
  return (argument.startsWith('{') ? argument.slice(1, -1) : argument).trim()
}

/** Dollar signs in pairs delimit mathematics; an odd one before a digit is money, and becomes `\\$`. */
function withoutDelimiters(text: string): string {
  const count = text.replaceAll('\\$', '').split('$').length - 1
  const money = count === 1 ? text.replace(/(?<!\\)\$(?=[\d.])/, '\\$') : text
  return money.replace(/(?<!\\)\$/g, ' ').replace(/ +/g, ' ')
}

const wrappers: readonly (readonly [string, string])[] = [
  ['\\(', '\\)'],
  ['\\[', '\\]'],
  ['**', '**'],
  ['__', '__'],
  ['*', '*'],
  ['`', '`'],
  ['"', '"'],
  ["'", "'"],
]

/** At most this many wrappers come off: nobody writes more, and each costs a pass. */
const layers = 12

function unwrap(text: string): string {
  let inside = text
  for (let layer = 0; layer < layers; layer++) {
    const next = unwrapOnce(inside.trim())
    if (next === inside) break
    inside = next
  }
  return inside
}

function unwrapOnce(text: string): string {
  for (const [open, close] of wrappers) {
    const long = text.length > open.length + close.length
    if (!long || !text.startsWith(open) || !text.endsWith(close)) continue
    const inside = text.slice(open.length, -close.length)
    if (!inside.includes(close)) return inside
  }
  for (const command of ['\\boxed', '\\fbox', '']) {
    const start = `${command}{`
    // `{1,2}` is a set that lost its backslashes, not a group
    if (
      text.startsWith(start) &&
      closing(text, start.length - 1) === text.length - 1 &&
      (command || !text.includes(','))
    ) {
      return text.slice(start.length, -1)
    }
  }
  return text
    .replace(/(?<!\\)[.,;:]+$/, '')
    .replace(/ ?\\{1,2}$/, '')
    .replace(/^\\text\{([^{}]*)\}$/, '$1')
    .replace(approximately, '')
    .replace(/^[.,;]+(?!\d)/, '')
}
