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
  const text = Math.abs(value).toFixed(digits)
  const rounded = Math.sign(value) * Number(text)
  // toFixed rounds an exact half up; it is a half only when the binary value is, which 10^digits keeps exact for the few digits in use
  const scaled = Math.abs(value) * 10 ** digits
  const isHalf = scaled % 1 === 0.5 && scaled / 10 ** digits === Math.abs(value) && isExact(Math.abs(value), digits)
  const odd = Math.round(Number(text) * 10 ** digits) % 2 === 1
  return isHalf && odd ? Math.sign(value) * ((Math.round(Number(text) * 10 ** digits) - 1) / 10 ** digits) : rounded
}

// A decimal half with d digits behind the point is a binary fraction only if it is a multiple of 2^-(d+1).
function isExact(value: number, digits: number): boolean {
  return (value * 2 ** (digits + 1)) % 1 === 0
}

/** A float as Python prints it: `1.0`, not `1`. Plain decimals only, which is what rounding to a benchmark's precision leaves. */
export function pythonText(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e16
    ? `${Object.is(value, -0) ? '-' : ''}${value}.0`
    : String(value)
}
