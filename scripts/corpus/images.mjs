// Files that are no image, or not one that a model can be shown.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'

const photo = readFileSync(new URL('../../test/fixtures/images/photo.png', import.meta.url))

/** The PNG with another header: width and height in pixels, and bits of a sample. */
function withHeader(width, height, depth = 8) {
  const png = Buffer.from(photo)
  png.writeUInt32BE(width, 16)
  png.writeUInt32BE(height, 20)
  png[24] = depth
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
  return png
}

/** A TIFF whose only directory says `next`, the offset of the following one. */
function tiff(next) {
  const bytes = Buffer.alloc(64)
  bytes.write('II*\0', 'latin1')
  bytes.writeUInt32LE(8, 4)
  bytes.writeUInt16LE(1, 8)
  bytes.writeUInt32LE(next, 22)
  return bytes
}

const plain = (width, height) => sharp({ create: { width, height, channels: 3, background: '#336699' } })

async function contents() {
  const jpeg = await sharp(photo).jpeg().toBuffer()
  const webp = await sharp(photo).webp().toBuffer()
  const gif = await sharp(photo).gif().toBuffer()
  const raw = { width: 4, height: 4, channels: 1 }
  const grey16 = await sharp(new Uint16Array(16), { raw }).toColourspace('grey16').png().toBuffer()
  const half = (bytes) => bytes.subarray(0, bytes.length / 2)
  const broken = Buffer.from(photo)
  broken.fill(0x55, 60, 200)
  return [
    ['of no bytes', Buffer.alloc(0), 'it is empty'],
    ['of one byte', Buffer.from([0x89]), 'unknown format'],
    ['that is text', 'not an image', 'unknown format'],
    ['that is a web page', '<!DOCTYPE html><title>404</title>', 'HTML'],
    ['that is an SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', 'SVG'],
    ['that is a PDF', '%PDF-1.7\n', 'PDF'],
    ['that is a BMP', Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]), 'BMP'],
    ['that is a video', Buffer.concat([Buffer.alloc(4), Buffer.from('ftypisom'), Buffer.alloc(32)]), 'video'],
    ['PNG: the signature alone', photo.subarray(0, 8), ''],
    ['PNG: the header alone', photo.subarray(0, 33), ''],
    ['PNG: half', half(photo), ''],
    ['PNG: overwritten data', broken, ''],
    ['PNG: no width', withHeader(0, 10), ''],
    ['PNG: 2^31 pixels wide', withHeader(2 ** 31 - 1, 1), ''],
    ['PNG: a bomb of 2^40 pixels', withHeader(2 ** 20, 2 ** 20), ''],
    ['PNG: samples of 3 bits', withHeader(10, 10, 3), ''],
    ['JPEG: the beginning alone', jpeg.subarray(0, 20), ''],
    ['JPEG: half', half(jpeg), ''],
    ['WebP: half', half(webp), ''],
    ['GIF: the header alone', gif.subarray(0, 13), ''],
    ['TIFF: a directory that follows itself', tiff(8), ''],
    ['TIFF: a directory beyond the file', tiff(0xffffff00), ''],
    ['16-bit greyscale', grey16, '16-bit greyscale'],
    ['201 times as wide as high', await plain(201, 1).png().toBuffer(), 'factor of 201'],
    ['201 times as high as wide', await plain(2, 402).png().toBuffer(), 'factor of 201'],
  ]
}

export async function writeImages(out) {
  mkdirSync(out, { recursive: true })
  return (await contents()).map(([name, content, names], index) => {
    const file = path.resolve(out, String(index).padStart(2, '0'))
    writeFileSync(file, content)
    return { kind: 'image', name: `image ${name}`, code: 'ERR_IMAGE', names: names || file, file }
  })
}
