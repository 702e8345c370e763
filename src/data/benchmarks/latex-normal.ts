/**
 * The string form in which MATH and MathVision compare answers: spacing, sizing commands, degree signs, dollar and percent signs, a unit in
 * `\text{ …}` and a short `x =` on the left are dropped; `\tfrac`, `\sqrt3` and `1/2` become `\frac`, `\sqrt{3}`, `\frac{1}{2}`.
 * The rule is the MATH data set's (Hendrycks et al., 2021, arXiv 2103.03874) but for `\frac12`: see `bracedFractions`. It never evaluates.
 */
export function normaliseLatex(text: string): string {
  let s = text
    .replaceAll('\n', '')
    .replaceAll('\\!', '')
    .replaceAll('\\\\', '\\')
    .replace(/\\[td]frac/g, '\\frac')
    .replace(/\\(?:left|right)/g, '')
    .replace(/\^(?:\{\\circ\}|\\circ)/g, '')
    .replaceAll('\\$', '')
  s = withoutUnit(s)
    .replace(/\\?%/g, '')
    .replace(/(^| |\{)\./g, (_, before: string) => `${before}0.`)
  const sides = s.split('=')
  if (sides.length === 2 && sides[0]!.length <= 2) s = sides[1]!
  s = bracedRoots(s).replaceAll(' ', '')
  if (s === '0.5') return '\\frac{1}{2}'
  const slash = /^(-?\d+)\/(-?\d+)$/.exec(s)
  return slash ? `\\frac{${slash[1]}}{${slash[2]}}` : s
}

// `5\text{ cm}` is 5; text in front, or more than once, is kept, because then it is not a unit.
function withoutUnit(text: string): string {
  const parts = text.split('\\text{ ')
  return parts.length === 2 ? parts[0]! : text
}

function bracedRoots(text: string): string {
  return text.replace(/\\sqrt *([^{[ ])/g, '\\sqrt{$1}')
}

/** `\frac12` as `\frac{1}{2}`: a step of MATH's rule that MathVision's lacks. */
export function bracedFractions(text: string): string {
  return text.replace(/\\frac([^{}\\])([^{}\\])/g, '\\frac{$1}{$2}').replace(/\\frac([^{}\\])(?=\{)/g, '\\frac{$1}')
}
