import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import ts from 'typescript'
import { expect, test } from 'vitest'
import * as frankentorch from '../../src/index.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/tensors.md', import.meta.url)), 'utf8')
const blocks = Array.from(page.matchAll(/```ts\n(.*?)```/gs), ([, code]) => code!)

/** Runs a block of a page and returns the lines it prints. */
async function printed(code: string) {
  const lines: string[] = []
  const body = code.replace(/import \{(.*?)\} from 'frankentorch'/g, (_, names: string) => {
    const values = names.split(',').filter((name) => !name.trim().startsWith('type '))
    return `const {${values.join(',')}} = frankentorch`
  })
  const target = ts.ScriptTarget.ES2022
  const { outputText } = ts.transpileModule(`export default async (frankentorch, console) => {${body}}`, {
    compilerOptions: { target, module: ts.ModuleKind.CommonJS },
  })
  const module = { exports: {} as { default: (api: unknown, console: unknown) => Promise<void> } }
  new Function('module', 'exports', outputText)(module, module.exports)
  await module.exports.default(frankentorch, { log: (...values: unknown[]) => lines.push(values.map(shown).join(' ')) })
  return lines
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value)
}

// A line that prints ends with a comment of what it prints; blocks without such comments only have to run.
test('docs/tensors.md has examples', () => expect(blocks.length).toBeGreaterThanOrEqual(6))

test.each(blocks.map((code) => [code.split('\n').find((line) => line && !line.startsWith('import'))!, code]))(
  'the example beginning with "%s" runs',
  async (_, code) => {
    const lines = await printed(code)
    const promised = code.split('\n').flatMap((line) => /^console\.log.*\/\/ (?:.*: )?(.+)$/.exec(line)?.[1] ?? [])
    expect(lines.slice(0, promised.length)).toEqual(promised)
  },
)
