/** The formats decoded here, all of them pixel for pixel as Pillow does. */
export const decodedFormats = ['JPEG', 'PNG', 'WebP', 'GIF', 'TIFF'] as const
export type DecodedFormat = (typeof decodedFormats)[number]

// Formats that are only recognised so that an error can name them.
const signatures: [name: string, matches: (bytes: Uint8Array) => boolean][] = [
  ['JPEG', (b) => starts(b, 0xff, 0xd8, 0xff)],
  ['PNG', (b) => starts(b, 0x89, 'PNG')],
  ['GIF', (b) => starts(b, 'GIF8')],
  ['WebP', (b) => starts(b, 'RIFF') && has(b, 8, 'WEBP')],
  ['TIFF', (b) => starts(b, 'II', 42, 0) || starts(b, 'MM', 0, 42) || starts(b, 'II', 43, 0) || starts(b, 'MM', 0, 43)],
  ['BMP', (b) => starts(b, 'BM')],
  ['AVIF', (b) => has(b, 4, 'ftypavif') || has(b, 4, 'ftypavis')],
  ['HEIC', (b) => ['heic', 'heix', 'hevc', 'mif1', 'msf1'].some((brand) => has(b, 4, `ftyp${brand}`))],
  ['JPEG XL', (b) => starts(b, 0xff, 0x0a) || has(b, 4, 'JXL ')],
  ['JPEG 2000', (b) => has(b, 4, 'jP  ')],
  ['Windows icon', (b) => starts(b, 0, 0, 1, 0)],
  ['Photoshop', (b) => starts(b, '8BPS')],
  ['PNM', (b) => b[0] === 0x50 && b[1]! >= 0x31 && b[1]! <= 0x37 && isSpace(b[2])],
  ['PDF', (b) => starts(b, '%PDF')],
  ['MP4 or QuickTime video', (b) => has(b, 4, 'ftyp') || has(b, 4, 'moov')],
  ['Matroska or WebM video', (b) => starts(b, 0x1a, 0x45, 0xdf, 0xa3)],
  ['AVI video', (b) => starts(b, 'RIFF') && has(b, 8, 'AVI ')],
  ['SVG', (b) => /^\s*(<\?xml|<!--|<!DOCTYPE svg|<svg)/i.test(text(b, 0, 256)) && text(b, 0, 4096).includes('<svg')],
  ['HTML', (b) => /^\s*<(!doctype html|html)/i.test(text(b, 0, 256))],
]

/** What kind of file `bytes` is by its first bytes, or `undefined`. The name of a file says nothing certain. */
export function imageFormat(bytes: Uint8Array): string | undefined {
  return signatures.find(([, matches]) => matches(bytes))?.[0]
}

export function isDecoded(format: string | undefined): format is DecodedFormat {
  return (decodedFormats as readonly (string | undefined)[]).includes(format)
}

function starts(bytes: Uint8Array, ...expected: (number | string)[]): boolean {
  let offset = 0
  return expected.every((part) => {
    if (typeof part === 'number') return bytes[offset++] === part
    offset += part.length
    return has(bytes, offset - part.length, part)
  })
}

function has(bytes: Uint8Array, offset: number, expected: string): boolean {
  return text(bytes, offset, offset + expected.length) === expected
}

function text(bytes: Uint8Array, begin: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', begin, end)
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
