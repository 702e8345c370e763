import { decodeImage } from '../model/processor/image.ts'
import type { ImageSource } from '../model/processor/image-source.ts'

const side = 260

/** An image small enough for a page, as a data: URL. */
export async function thumbnail(source: ImageSource): Promise<string> {
  const { data, width, height } = await decodeImage(source)
  const { default: sharp } = await import('sharp')
  const image = sharp(data, { raw: { width, height, channels: 3 } })
  // Small drawn images stay as they are; JPEG would blur them and is larger.
  if (width * height <= 150 * 150) return url('png', await image.png({ palette: true }).toBuffer())
  return url(
    'jpeg',
    await image.resize(side, side, { fit: 'inside', withoutEnlargement: true }).jpeg({ quality: 80 }).toBuffer(),
  )
}

function url(kind: string, bytes: Buffer): string {
  return `data:image/${kind};base64,${bytes.toString('base64')}`
}
