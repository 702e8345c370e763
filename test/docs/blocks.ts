import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Block {
  page: string
  /** Of its first line in the page, from 1. */
  line: number
  language: string
  code: string
}

/** The pages a reader meets: README, docs/, and what lies beside them. */
export function pages(): string[] {
  const own = readdirSync(root).filter((name) => name.endsWith('.md'))
  return [
    ...own,
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]
}

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  return Array.from(text.matchAll(/^( *)```(\w*)\n(.*?)^\1```$/gms), ({ 2: language, 3: code, index }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    language: language!,
    code: code!,
  }))
}

/** The targets of a page's links that name a file, with the anchor. */
export function linksOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/^ *```.*?^ *```$/gms, '')
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!).filter(
    (target) => !/^[a-z]+:/.test(target),
  )
}

/** The anchors that headings of a page make, as GitHub spells them. */
export function anchorsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/^ *```.*?^ *```$/gms, '')
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}
