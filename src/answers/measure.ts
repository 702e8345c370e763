import type { Quantity } from './answer.ts'
import type { Comparison, Leaf } from './compare.ts'
import { multiply, type Rational, same } from './rational.ts'
import { exactly } from './real.ts'
import type { Unit } from './unit.ts'
import { decided, doubt, some, type Verdict } from './verdict.ts'

/** Compares two values with or without units. A unit that only one side names is taken for granted; two of one dimension are converted. */
export function compareMeasures(a: Quantity, b: Quantity, comparison: Comparison): Verdict {
  const meant = comparison.unit === '%' ? undefined : comparison.unit
  const [left, right] = [a.unit ?? meant, b.unit ?? meant]
  if (a.unit?.doubtful && b.unit?.doubtful) return plain(product(a), product(b), comparison)
  if (a.unit && b.unit) return between(a, a.unit, b, b.unit, comparison)
  if (meant && left && right && (a.unit || b.unit)) return between(a, sure(left), b, sure(right), comparison)
  if (a.unit || b.unit) return a.unit ? oneSided(a, a.unit, b, comparison) : oneSided(b, b.unit!, a, comparison)
  return comparePercent(a, b, comparison)
}

function between(a: Quantity, left: Unit, b: Quantity, right: Unit, comparison: Comparison): Verdict {
  if (left.dimension === right.dimension && left.dimension !== 'count') {
    return plain(
      same(left.factor, right.factor) ? a : scaled(a, left.factor),
      same(left.factor, right.factor) ? b : scaled(b, right.factor),
      comparison,
    )
  }
  if (left.dimension === 'count' && right.dimension === 'count' && stem(left.name) === stem(right.name))
    return plain(a, b, comparison)
  if (comparison.nouns) return decided(false, 'exact')
  // apples against oranges, units against centimetres: equal numbers may be a loose word for the same, different ones are not
  if ([left, right].some(({ dimension }) => /count|abstract/.test(dimension))) return doubt(plain(a, b, comparison))
  return decided(false, 'exact')
}

function oneSided(measured: Quantity, unit: Unit, other: Quantity, comparison: Comparison): Verdict {
  const without = plain(measured, other, comparison)
  if (unit.doubtful) {
    const multiplied = plain(product(measured), other, comparison)
    return multiplied.equal === true || multiplied.deferred ? multiplied : doubt(without)
  }
  if (unit.dimension !== 'angle') return without
  // a bare number beside degrees is degrees, or else radians
  return some([without, comparison.leaf({ text: `\\frac{\\pi}{180}(${measured.text})` }, leaf(other), comparison)])
}

/** 50% is 0.5; for a question that asked "what percent", 50 and 50% are the same reply too. */
function comparePercent(a: Quantity, b: Quantity, comparison: Comparison): Verdict {
  const verdict = plain(a, b, comparison)
  if (!comparison.grading || verdict.equal === true) return verdict
  if (a.kind !== 'number' || b.kind !== 'number' || a.percent === b.percent) return verdict
  const bare = a.percent ? b : a
  const counted = plain(a.percent ? hundredfold(a) : a, b.percent ? hundredfold(b) : b, comparison)
  if (comparison.unit === '%') return counted
  // 0.5% may be meant for a gold answer of 0.5, or be wrong by a factor of a hundred
  return Math.abs(bare.value.value) > 1 ? counted : doubt(counted)
}

function plain(a: Quantity, b: Quantity, comparison: Comparison): Verdict {
  return comparison.leaf(leaf(a), leaf(b), comparison)
}

/** `12m` read as twelve times m. */
function product(quantity: Quantity): Quantity {
  return { kind: 'expression', text: quantity.measured ?? quantity.text }
}

function leaf(quantity: Quantity): Leaf {
  return quantity.kind === 'number' ? { text: quantity.text, value: quantity.value } : { text: quantity.text }
}

function scaled(quantity: Quantity, factor: Rational): Quantity {
  const text = `\\frac{${factor.numerator}}{${factor.denominator}}(${quantity.text})`
  const exact = quantity.kind === 'number' && quantity.value.exact && multiply(quantity.value.exact, factor)
  return exact ? { kind: 'number', text, value: exactly(exact), percent: false } : { kind: 'expression', text }
}

function hundredfold(quantity: Quantity & { kind: 'number' }): Quantity {
  return scaled(quantity, { numerator: 100n, denominator: 1n })
}

function sure(unit: Unit): Unit {
  return { ...unit, doubtful: false }
}

function stem(noun: string): string {
  return noun.replace(/s$/, '')
}
