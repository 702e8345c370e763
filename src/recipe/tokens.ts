import { error } from '../errors.ts'

export interface Token {
  text: string
  lower: string
  /** Written in quotes: a model, never a word of the notation. */
  quoted: boolean
}

/** The words of a splice. `+` is one wherever it is not quoted. */
export function tokens(text: string): Token[] {
  const found: Token[] = []
  const pattern = /\s*(?:"([^"]*)"|'([^']*)'|(\+)|([^\s+"']+))/y
  const end = text.trimEnd().length
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex
    const match = pattern.exec(text)
    if (!match)
      throw error(
        'ERR_RECIPE',
        `The splice '${text.trim()}': a quotation that begins at character ${at + 1} has no end`,
      )
    const [, double, single, plus, word] = match
    const quotation = double ?? single
    const value = quotation ?? plus ?? word!
    found.push({ text: value, lower: value.toLowerCase(), quoted: quotation !== undefined })
  }
  return found
}

/** The words between the signs of addition. */
export function splitTerms(words: readonly Token[], text: string): Token[][] {
  const terms: Token[][] = [[]]
  for (const word of words) {
    if (word.text === '+' && !word.quoted) terms.push([])
    else terms.at(-1)!.push(word)
  }
  const empty = terms.findIndex((term) => term.length === 0)
  if (empty >= 0) {
    const what = words.length === 0 ? 'it is empty' : `nothing stands ${empty === 0 ? 'before' : 'after'} '+'`
    throw error('ERR_RECIPE', `The splice '${text.trim()}': ${what}`)
  }
  return terms
}
