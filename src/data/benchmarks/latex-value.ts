/**
 * The value of a LaTeX arithmetic expression, or undefined where there is none: an unknown symbol, nothing to read, no finite value.
 * Numbers, `+ - * / : ^ !`, `\cdot \times \div`, `\frac`, `\sqrt[n]{}`, `\pi`, brackets, implicit products.
 *
 * An argument without braces is read whole, so `\frac12` has no value here: MathVision's verdicts refuse it too.
 * Reads as far as the text makes sense and gives the value of that much, since MathVision's rule counts `\frac{4}{9}}.\end{align*` as 4/9: its
 * parser recovers from an unmatched brace in the same way.
 */
export function latexValue(text: string): number | undefined {
  const tokens = tokenise(text)
  if (tokens === undefined) return undefined
  const value = new Parser(tokens).sum()
  return value !== undefined && Number.isFinite(value) ? value : undefined
}

const token = /\\[a-zA-Z]+|\d+(?:\.\d*)?|\.\d+|[-+*/:^!(){}[\]|]/y
const ignored = /(?:\s|\$|\\[,;! ]|\\(?:left|right|displaystyle)(?![a-zA-Z])|\\?%)+/y

// The parser recurses: a reply that repeats an opening bracket without end must not exhaust the stack.
const longest = 500

// A sign that ends an expression: what follows it is not looked at, as an unmatched bracket's rest is not.
const end = '}'

function tokenise(text: string): string[] | undefined {
  const tokens: string[] = []
  let depth = 0
  for (let at = 0; at < text.length; ) {
    ignored.lastIndex = at
    if (ignored.test(text)) {
      at = ignored.lastIndex
      continue
    }
    token.lastIndex = at
    const found = token.exec(text)?.[0]
    if (found === undefined) return undefined
    if (found === '{') depth++
    if (found === end && depth-- === 0) return tokens
    if (tokens.push(found) > longest) return undefined
    at = token.lastIndex
  }
  return tokens
}

const brackets: Record<string, string> = { '(': ')', '[': ']', '{': '}' }
const products: Record<string, 1 | -1> = { '*': 1, '\\cdot': 1, '\\times': 1, '/': -1, ':': -1, '\\div': -1 }

class Parser {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]
  }

  #take(expected: string): boolean {
    if (this.#peek() !== expected) return false
    this.#at++
    return true
  }

  sum(): number | undefined {
    let value = this.#product()
    for (;;) {
      const sign = this.#take('+') ? 1 : this.#take('-') ? -1 : undefined
      if (sign === undefined || value === undefined) return value
      const next = this.#product()
      value = next === undefined ? undefined : value + sign * next
    }
  }

  #product(): number | undefined {
    let value = this.#signed()
    while (value !== undefined) {
      const operator = products[this.#peek() ?? '']
      if (operator !== undefined) this.#at++
      else if (!this.#startsFactor()) return value
      const next: number | undefined = operator === undefined ? this.#power() : this.#signed()
      value = next === undefined ? undefined : operator === -1 ? value / next : value * next
    }
    return value
  }

  #startsFactor(): boolean {
    const next = this.#peek()
    return next !== undefined && (/^[\d.({[]/.test(next) || next.startsWith('\\'))
  }

  #signed(): number | undefined {
    if (this.#take('+')) return this.#signed()
    if (!this.#take('-')) return this.#power()
    const value = this.#signed()
    return value === undefined ? undefined : -value
  }

  #power(): number | undefined {
    const base = this.#factor()
    if (base === undefined) return undefined
    if (this.#take('!')) return factorial(base)
    if (!this.#take('^')) return base
    const exponent = this.#take('-') ? -(this.#factor() ?? Number.NaN) : this.#factor()
    return exponent === undefined ? undefined : base ** exponent
  }

  #factor(): number | undefined {
    const next = this.#peek()
    if (next === undefined) return undefined
    this.#at++
    if (/^[\d.]/.test(next)) return Number(next)
    if (next in brackets) return this.#closed(brackets[next]!)
    switch (next) {
      case '\\pi':
        return Math.PI
      case '\\frac':
      case '\\dfrac':
      case '\\tfrac': {
        const [over, under] = [this.#factor(), this.#factor()]
        return over === undefined || under === undefined ? undefined : over / under
      }
      case '\\sqrt': {
        const degree = this.#take('[') ? this.#closed(']') : 2
        const radicand = this.#factor()
        return degree === undefined || radicand === undefined ? undefined : radicand ** (1 / degree)
      }
      default:
        return undefined
    }
  }

  #closed(bracket: string): number | undefined {
    const value = this.sum()
    return this.#take(bracket) ? value : undefined
  }
}

function factorial(n: number): number | undefined {
  if (!Number.isInteger(n) || n < 0 || n > 170) return undefined
  return n < 2 ? 1 : n * factorial(n - 1)!
}
