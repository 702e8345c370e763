/**
 * The colour [red, green, blue] that Pillow shows where the first frame of a GIF leaves the canvas transparent or uncovered:
 * the palette's entry at the transparent index, or its first. libvips keeps only that such pixels are transparent.
 */
export function hiddenColour(bytes: Uint8Array): [number, number, number] {
  const black: [number, number, number] = [0, 0, 0]
  let palette = tableAt(bytes, 10, 13)
  let transparent = 0
  let at = 13 + palette.length
  while (at < bytes.length) {
    const block = bytes[at++]
    if (block === extension) {
      // graphic control: length 4, flags, delay (2 bytes), transparent index
      if (bytes[at] === 0xf9 && (bytes[at + 2]! & 1) === 1) transparent = bytes[at + 5] ?? 0
      at = skipSubBlocks(bytes, at + 1)
    } else if (block === imageDescriptor) {
      // left, top, width, height (2 bytes each), flags, and perhaps a palette of its own
      const local = tableAt(bytes, at + 8, at + 9)
      if (local.length > 0) palette = local
      const entry = palette.subarray(transparent * 3, transparent * 3 + 3)
      return entry.length === 3 ? [entry[0]!, entry[1]!, entry[2]!] : black
    } else break
  }
  return black
}

const extension = 0x21
const imageDescriptor = 0x2c

// Flags: bit 7 says whether a colour table follows, bits 0 to 2 its size.
function tableAt(bytes: Uint8Array, flagsAt: number, begin: number): Uint8Array {
  const flags = bytes[flagsAt] ?? 0
  return (flags & 0x80) === 0 ? new Uint8Array() : bytes.subarray(begin, begin + 3 * 2 ** ((flags & 7) + 1))
}

function skipSubBlocks(bytes: Uint8Array, begin: number): number {
  let at = begin
  while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1
  return at + 1
}
