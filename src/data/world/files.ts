import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { draw } from './draw.ts'
import type { Entry } from './entries.ts'
import { encodePng } from './png.ts'

/** The data files and images of a world being written, and how many there are. */
export class WorldFiles {
  /** Lines by data file. */
  readonly records: Record<string, number> = {}
  images = 0
  private readonly directory: string
  private readonly made = new Set<string>()

  constructor(directory: string) {
    this.directory = directory
  }

  async write(entries: readonly Entry[]): Promise<void> {
    const texts = new Map<string, string>()
    for (const { file, record } of entries.flatMap(({ lines }) => lines)) {
      texts.set(file, `${texts.get(file) ?? ''}${JSON.stringify(record)}\n`)
      this.records[file] = (this.records[file] ?? 0) + 1
    }
    const images = entries.flatMap(({ images }) => images)
    this.images += images.length
    for (const file of [...texts.keys(), ...images.map(({ file }) => file)]) await this.makeFolder(dirname(file))
    await Promise.all([
      ...images.map(({ file, scene }) => writeFile(join(this.directory, file), encodePng(draw(scene), scene.size))),
      ...[...texts].map(([file, text]) => appendFile(join(this.directory, file), text)),
    ])
  }

  private async makeFolder(folder: string): Promise<void> {
    if (this.made.has(folder)) return
    await mkdir(join(this.directory, folder), { recursive: true })
    this.made.add(folder)
  }
}
