import { type Rational, rational } from './rational.ts'

/** A unit of measure, or a noun that is counted. */
export interface Unit {
  /** What it measures (`length`, `length^2`, …), or `count` for a noun. */
  readonly dimension: string
  /** How many of the dimension's base unit it is; for degrees the base is the degree. */
  readonly factor: Rational
  readonly name: string
  /** `12m`: glued to its number without a mark, so it may as well be a variable. */
  readonly doubtful: boolean
}

type Definition = readonly [dimension: string, numerator: bigint, denominator: bigint, ...names: string[]]

const definitions: readonly Definition[] = [
  ['length', 1n, 1_000n, 'mm', 'millimeter', 'millimetre'],
  ['length', 1n, 100n, 'cm', 'centimeter', 'centimetre'],
  ['length', 1n, 10n, 'dm', 'decimeter', 'decimetre'],
  ['length', 1n, 1n, 'm', 'meter', 'metre'],
  ['length', 1_000n, 1n, 'km', 'kilometer', 'kilometre'],
  ['length', 254n, 10_000n, 'in', 'inch', 'inches'],
  ['length', 3_048n, 10_000n, 'ft', 'foot', 'feet'],
  ['length', 9_144n, 10_000n, 'yd', 'yard'],
  ['length', 1_609_344n, 1_000n, 'mi', 'mile'],
  ['abstract length', 1n, 1n, 'unit', 'units'],
  ['length^3', 1n, 1_000n, 'l', 'L', 'liter', 'litre'],
  ['length^3', 1n, 1_000_000n, 'ml', 'mL', 'milliliter', 'millilitre'],
  ['mass', 1n, 1_000n, 'mg', 'milligram'],
  ['mass', 1n, 1n, 'g', 'gram'],
  ['mass', 1_000n, 1n, 'kg', 'kilogram'],
  ['mass', 1_000_000n, 1n, 't', 'ton', 'tonne'],
  ['mass', 45_359_237n, 100_000n, 'lb', 'lbs', 'pound'],
  ['mass', 45_359_237n, 1_600_000n, 'oz', 'ounce'],
  ['time', 1n, 1_000n, 'ms', 'millisecond'],
  ['time', 1n, 1n, 's', 'sec', 'second'],
  ['time', 60n, 1n, 'min', 'minute'],
  ['time', 3_600n, 1n, 'h', 'hr', 'hrs', 'hour'],
  ['time', 86_400n, 1n, 'd', 'day'],
  ['time', 604_800n, 1n, 'week', 'wk'],
  ['month', 1n, 1n, 'month'],
  ['month', 12n, 1n, 'year', 'yr', 'yrs'],
  ['angle', 1n, 1n, '^\\circ', 'deg', 'degree'],
  ['force', 1n, 1n, 'N', 'newton'],
  ['energy', 1n, 1n, 'J', 'joule'],
  ['energy', 1_000n, 1n, 'kJ', 'kilojoule'],
  ['power', 1n, 1n, 'W', 'watt'],
  ['power', 1_000n, 1n, 'kW', 'kilowatt'],
  ['voltage', 1n, 1n, 'V', 'volt'],
  ['current', 1n, 1n, 'A', 'ampere', 'amp'],
  ['resistance', 1n, 1n, 'ohm', '\\Omega'],
  ['frequency', 1n, 1n, 'Hz', 'hertz'],
  ['pressure', 1n, 1n, 'Pa', 'pascal'],
  ['temperature', 1n, 1n, '^\\circ C', '^\\circ \\text{C}', 'celsius', 'degrees celsius'],
  ['temperature of Fahrenheit', 1n, 1n, '^\\circ F', '^\\circ \\text{F}', 'fahrenheit', 'degrees fahrenheit'],
  ['temperature of Kelvin', 1n, 1n, 'K', 'kelvin'],
  ['dollar', 1n, 1n, '\\$', 'dollar', 'USD', 'buck'],
  ['dollar', 1n, 100n, 'cent', '¢'],
  ['euro', 1n, 1n, '€', 'euro', 'EUR'],
  ['sterling', 1n, 1n, '£', 'GBP'],
  ['yen', 1n, 1n, '¥', 'yuan', 'yen'],
]

const table = new Map<string, Definition>()
for (const definition of definitions) {
  for (const name of definition.slice(3) as string[]) {
    table.set(name, definition)
    if (name.length > 3 && /^[a-z]+$/.test(name) && !name.endsWith('s')) table.set(`${name}s`, definition)
  }
}

/** The unit that `name` alone means: `cm`, `cm^2`, `square inches`, `km/h`, `years`; a word that is none counts things. */
export function readUnit(name: string, doubtful = false): Unit | undefined {
  const shortest = name.includes('\\text') ? 0 : 1
  const spelled = name
    .replace(/\\text\{([^{}]*)\}/g, ' $1 ')
    .replace(/[{}]/g, '')
    .replace(/\b(square|sq|cubic)\.? ?(?=[a-z])/gi, (_, power: string) =>
      power.toLowerCase() === 'cubic' ? '3*' : '2*',
    )
    .replace(/\s+per\s+|\s*\/\s*/g, '/')
    .replace(/\s+/g, ' ')
    .replace(/ \^/g, '^')
    .trim()
  if (spelled === '') return undefined
  const [over, under, ...more] = spelled.split('/')
  if (more.length > 0) return undefined
  const top = powerOf(over!)
  const bottom = under === undefined ? undefined : powerOf(under)
  if (top && (bottom || under === undefined)) {
    const factor = bottom
      ? rational(top.factor.numerator * bottom.factor.denominator, top.factor.denominator * bottom.factor.numerator)
      : top.factor
    return (
      factor && {
        dimension: bottom ? `${top.dimension}/${bottom.dimension}` : top.dimension,
        factor,
        name: spelled,
        doubtful,
      }
    )
  }
  // a noun that is counted, of at least three letters unless it is marked as text: apples, small squares
  const noun = /^[a-z][a-z'-]+(?: [a-z][a-z'-]+){0,3}$/i.test(spelled) && spelled.length > 1 + shortest
  if (noun && !/\b(?:and|or|to|not|is|are|has|have|than|more|less|each)\b/.test(spelled)) {
    return { dimension: 'count', factor: { numerator: 1n, denominator: 1n }, name: spelled.toLowerCase(), doubtful }
  }
  return undefined
}

function powerOf(spelled: string): { dimension: string; factor: Rational } | undefined {
  const [, prefix, name, exponent] = /^(?:([23])\*)?(.+?)(?:\^?(-?\d))?$/.exec(spelled.trim()) ?? []
  const definition = table.get(name ?? '') ?? table.get((name ?? '').toLowerCase())
  if (!definition) return undefined
  const power = Number(prefix ?? exponent ?? 1)
  const [dimension, numerator, denominator] = definition
  if (power === 1) return { dimension, factor: { numerator, denominator } }
  if (power < 1 || power > 3) return undefined
  const factor = rational(numerator ** BigInt(power), denominator ** BigInt(power))
  return factor && { dimension: `${dimension}^${power}`, factor }
}

const marked =
  /^(.*?\S) ?((?:\\text\{[^{}]*\}(?: ?\^ ?\{?-?\d\}?)?|(?:\^\\circ ?(?:\\text\{)?[CF]?\}?)|[€£¥¢]|[/ ])+)$/s
const spaced = /^(.*[\d)}]|.*\\pi) ([a-zA-Z°][a-zA-Z ./'-]*(?:\^ ?\{?-?\d\}?)?)$/s
const glued = /^(.*\d|.*\}|.*\\pi) ?\{?([a-zA-Z]+(?:\/[a-zA-Z]+)?(?: ?\^ ?\{?-?\d\}?)?)\}?$/s
const money = /^(-?) ?(\\\$|[€£¥]) ?(.+)$/s

/** A degree sign inside an expression belongs to it: `\tan 45^\circ`, `90^\circ - 30^\circ`. */
const angular = /\^\\circ|\\(?:arc)?(?:sin|cos|tan|cot|sec|csc)/

/** `12\text{ cm}^2`, `8 kg`, `90^\circ`, `\$5`: the value without its unit, and the unit. Undefined where no unit ends the text. */
export function splitUnit(text: string): { value: string; unit: Unit } | undefined {
  const currency = money.exec(text)
  if (currency) {
    const unit = readUnit(currency[2]!)
    return unit && { value: `${currency[1]}${currency[3]}`, unit }
  }
  const split = splitSuffix(text)
  if (!split || (split.unit.dimension === 'angle' && angular.test(split.value))) return undefined
  return split.unit.dimension === 'count' && symbolic(split.value) ? undefined : split
}

function splitSuffix(text: string): { value: string; unit: Unit } | undefined {
  const mark = marked.exec(text)
  const unit = mark && readUnit(mark[2]!)
  if (unit) return { value: mark[1]!, unit }
  const space = spaced.exec(text)
  if (space) {
    // `5 m` is a length, `2\pi h` a product
    const letter = /^[a-zA-Z]\b/.test(space[2]!)
    const unit = readUnit(space[2]!, letter && !/^[-\d.,/ ]+$/.test(space[1]!))
    if (unit && !(letter && symbolic(space[1]!))) return { value: space[1]!, unit }
  }
  const tight = glued.exec(text)
  if (!tight) return undefined
  const letters = /^[a-zA-Z]+/.exec(tight[2]!)![0]
  const braced = text.slice(tight[1]!.length).trimStart().startsWith('{')
  const last = readUnit(tight[2]!, letters.length < 2 && !braced)
  if (letters.length < 2 && symbolic(tight[1]!)) return undefined
  return last && (last.dimension !== 'count' || braced) ? { value: tight[1]!, unit: last } : undefined
}

/** Whether an expression has letters of its own, beside which another letter is a variable. */
function symbolic(value: string): boolean {
  return /[a-zA-Z]/.test(value.replace(/\\(?:[dt]?frac|sqrt|pi|cdot|times)(?![a-zA-Z])/g, ''))
}
