import { choiceLetter } from '../prompt.ts'

/**
 * The letter of the choice that a stated answer names, among `count` choices: `B`, `(B)`, `B. 60°`, `\text{(B)}`, `**B**`, `option B`. Undefined when
 * it names none: a word that begins with a letter (`A circle`) is no letter unless punctuation follows.
 */
export function statedLetter(stated: string, count: number): string | undefined {
  const bare = stated
    .replace(/\\(?:text(?:bf)?|mathrm|mathbf|mbox|rm|bf)\b/g, '')
    .replace(/[{}$*]/g, '')
    .replace(/^\s*(?:choice|option|answer)\s+/i, '')
    .trim()
  const letter =
    /^\(?([A-Z])(?:\)|[.:]|,|\s*$)/.exec(bare)?.[1] ?? /^\(([a-z])\)|^([a-z])$/.exec(bare)?.[0].replace(/[()]/g, '')
  const index = letter ? letter.toUpperCase().charCodeAt(0) - 65 : -1
  return index >= 0 && index < count ? choiceLetter(index) : undefined
}

/** The choice with whose text, as whole words and in any case, a stated answer begins; the longest of several. */
export function statedChoice(stated: string, choices: readonly string[]): string | undefined {
  const text = stated.toLowerCase()
  return choices
    .filter(
      (choice) => choice !== '' && text.startsWith(choice.toLowerCase()) && !/^[\w.]/.test(text.slice(choice.length)),
    )
    .sort((a, b) => b.length - a.length)[0]
}
