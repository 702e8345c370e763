// A damaged checkpoint: a copy of a fixture in which `damage(files)` changes some files. What it leaves alone is linked.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const fixtures = fileURLToPath(new URL('../../test/fixtures/models/', import.meta.url))

/** The files of one copy, by name. */
class Files {
  constructor(directory) {
    this.directory = directory
  }

  path(name) {
    return path.join(this.directory, name)
  }

  read(name) {
    return readFileSync(this.path(name))
  }

  write(name, content) {
    this.remove(name)
    writeFileSync(this.path(name), content)
  }

  remove(name) {
    rmSync(this.path(name), { force: true })
  }

  /** Changes the JSON of a file in place. */
  edit(name, change) {
    const json = existsSync(this.path(name)) ? JSON.parse(this.read(name).toString()) : {}
    change(json)
    this.write(name, JSON.stringify(json))
  }
}

/** Writes the cases below `out` and returns what corpus.json says of them. */
export function writeCheckpoints(out, cases) {
  return cases.map(({ name, code, names = '', fixture = 'hub-tied', damage, kind = 'checkpoint' }, index) => {
    const directory = path.join(path.resolve(out), String(index).padStart(3, '0'))
    mkdirSync(directory, { recursive: true })
    const source = path.join(fixtures, fixture)
    for (const file of readdirSync(source)) symlinkSync(path.join(source, file), path.join(directory, file))
    damage(new Files(directory))
    return { kind, name, code, names, directory }
  })
}
