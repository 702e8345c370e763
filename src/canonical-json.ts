import { createHash } from 'node:crypto'

/** SHA-256 in hexadecimal. */
export function hashBytes(bytes: Uint8Array | Uint8ClampedArray): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** SHA-256 of the canonical JSON of `value`: keys sorted at every depth, no white space. */
export function hashJson(value: unknown): string {
  return hashBytes(Buffer.from(canonicalJson(value)))
}

/** JSON with keys sorted at every depth, no white space. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  )
}
