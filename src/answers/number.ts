import { divide, multiply, power, type Rational, rational, add as sum } from './rational.ts'
import { exactly, type Real } from './real.ts'

const words =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  )
const multipliers: Readonly<Record<string, bigint>> = {
  hundred: 100n,
  thousand: 1000n,
  million: 1_000_000n,
  billion: 1_000_000_000n,
  trillion: 1_000_000_000_000n,
}

const decimal = String.raw`(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?: \d{3})+|\d+(?:\.\d*)?|\.\d+)`
const grammar = {
  scientific: new RegExp(
    String.raw`^(${decimal}) ?(?:[eE]([+-]?\d{1,4})|(?:\\times|\\cdot|\*|x) ?10 ?\^ ?(?:\{([+-]?\d{1,4})\}|([+-]?\d{1,4})))$`,
  ),
  power: /^10\^(?:\{([+-]?\d{1,4})\}|(\d{1,4}))$/,
  fraction: new RegExp(String.raw`^\\frac\{(-?${decimal})\}\{(-?${decimal})\}$|^(${decimal}) ?/ ?(-?${decimal})$`),
  mixed: /^(\d+) ?\\frac\{(\d+)\}\{(\d+)\}$|^(\d+) (\d+)\/(\d+)$/,
  repeating: /^(\d*)\.(\d*)(?:\\overline|\\dot|\\bar)\{(\d+)\}$/,
  multiplied: new RegExp(`^(${decimal}) ?(hundred|thousand|million|billion|trillion)$`),
}

/** Longer numerals are left to the engine, so that reading one takes a bounded time. */
const longest = 400

/**
 * The number a normalised text spells: integer, decimal, thousands, fraction, mixed number, scientific, repeating decimal, percent, number word.
 * Exact; undefined for anything else, also for an expression with a value.
 */
export function readNumber(text: string): Real | undefined {
  if (text.length > longest) return undefined
  const word = words.indexOf(text.toLowerCase())
  if (word >= 0) return exactly({ numerator: BigInt(word), denominator: 1n })
  const negative = /^-+ ?/.exec(text)?.[0] ?? ''
  const unsigned = text.slice(negative.length).replace(/^\+ ?/, '')
  const percent = /^(.*?) ?%$/s.exec(unsigned)?.[1]
  const magnitude = unsignedNumber(percent ?? unsigned)
  if (!magnitude) return undefined
  const scale = rational(negative.replace(' ', '').length % 2 === 1 ? -1n : 1n, percent === undefined ? 1n : 100n)
  const exact = scale && magnitude.exact && multiply(magnitude.exact, scale)
  if (!exact) return undefined
  const shift = percent === undefined ? 0 : 2
  const { written } = magnitude
  return exactly(exact, written && { ...written, decimals: written.decimals + shift })
}

function unsignedNumber(text: string): Real | undefined {
  const plain = readDecimal(text)
  if (plain) return plain
  const [, mantissa, e, braced, bare] = grammar.scientific.exec(text) ?? []
  if (mantissa) return scaled(readDecimal(mantissa), Number(e ?? braced ?? bare))
  const ten = grammar.power.exec(text)
  if (ten) return scaled(readDecimal('1'), Number(ten[1] ?? ten[2]))
  const fraction = grammar.fraction.exec(text)
  if (fraction) return quotient(fraction[1] ?? fraction[3]!, fraction[2] ?? fraction[4]!)
  const mixed = grammar.mixed.exec(text)
  if (mixed) {
    const [whole, top, bottom] = mixed.slice(1).filter((part) => part !== undefined)
    const part = rational(BigInt(top!), BigInt(bottom!))
    return wrap(part && sum({ numerator: BigInt(whole!), denominator: 1n }, part))
  }
  const repeating = grammar.repeating.exec(text)
  if (repeating) return wrap(repeatingDecimal(repeating[1]!, repeating[2]!, repeating[3]!))
  const [, count, multiplier] = grammar.multiplied.exec(text) ?? []
  if (count) {
    const base = readDecimal(count)?.exact
    return wrap(base && multiply(base, { numerator: multipliers[multiplier!]!, denominator: 1n }))
  }
  return undefined
}

const whole = new RegExp(`^${decimal}$`)

function readDecimal(text: string): Real | undefined {
  if (!whole.test(text)) return undefined
  const [integer, fraction] = text.replace(/[, ]/g, '').split('.')
  const digits = `${integer}${fraction ?? ''}`
  const exact = rational(BigInt(digits || '0'), 10n ** BigInt(fraction?.length ?? 0))
  if (!exact) return undefined
  return exactly(
    exact,
    fraction ? { decimals: fraction.length, significant: digits.replace(/^0+/, '').length } : undefined,
  )
}

function scaled(mantissa: Real | undefined, exponent: number): Real | undefined {
  const factor =
    Math.abs(exponent) <= 1000 &&
    power({ numerator: 10n, denominator: 1n }, { numerator: BigInt(exponent), denominator: 1n })
  const exact = factor && mantissa?.exact && multiply(mantissa.exact, factor)
  const written = mantissa?.written
  return exact ? exactly(exact, written && { ...written, decimals: written.decimals - exponent }) : undefined
}

function quotient(top: string, bottom: string): Real | undefined {
  const [a, b] = [readSigned(top), readSigned(bottom)]
  return wrap(a && b && divide(a, b))
}

function readSigned(text: string): Rational | undefined {
  const exact = readDecimal(text.replace(/^-/, ''))?.exact
  return exact && text.startsWith('-') ? { ...exact, numerator: -exact.numerator } : exact
}

function repeatingDecimal(integer: string, fixed: string, repeated: string): Rational | undefined {
  const all = BigInt(`${integer}${fixed}${repeated}`)
  const head = BigInt(`${integer}${fixed}` || '0')
  return rational(all - head, 10n ** BigInt(fixed.length) * (10n ** BigInt(repeated.length) - 1n))
}

function wrap(exact: Rational | undefined): Real | undefined {
  return exact && exactly(exact)
}
