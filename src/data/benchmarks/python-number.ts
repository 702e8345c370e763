/** What Python's `float(text)` reads, or undefined where it raises. NaN and infinities are read as undefined: no benchmark's answer is one. */
export function pythonFloat(text: string): number | undefined {
  const trimmed = text.trim()
  if (!/^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+)?$/i.test(trimmed)) return undefined
  const value = Number(trimmed.replaceAll('_', ''))
  return Number.isFinite(value) ? value : undefined
}

/** What Python's `int(text)` reads, or undefined where it raises: `7.0` is no integer. */
export function pythonInteger(text: string): bigint | undefined {
  const trimmed = text.trim()
  return /^[+-]?\d+(?:_\d+)*$/.test(trimmed) ? BigInt(trimmed.replace(/[+_]/g, '')) : undefined
}

/** Python's `round(value, digits)`: to the nearest decimal, an exact half to the even digit. */
export function roundHalfEven(value: number, digits: number): number {
  const magnitude = Math.abs(value)
  const scaled = magnitude * 10 ** digits
  // a decimal half is a binary number only as a multiple of 2^-(digits + 1); for the others toFixed is exact, but it takes every half upwards
  const half = (magnitude * 2 ** (digits + 1)) % 1 === 0 && scaled % 1 === 0.5
  const rounded = half ? (2 * Math.round(scaled / 2)) / 10 ** digits : Number(magnitude.toFixed(digits))
  return Math.sign(value) * rounded
}

/** A float as Python prints it: `1.0`, not `1`. Plain decimals only, which is what rounding to a benchmark's precision leaves. */
export function pythonText(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e16
    ? `${Object.is(value, -0) ? '-' : ''}${value}.0`
    : String(value)
}
