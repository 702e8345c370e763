import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import ts from 'typescript'

/** The TypeScript of a page of docs/, each block with its first line as its name. */
export function examplesOf(page: string): { name: string; code: string }[] {
  const text = readFileSync(fileURLToPath(new URL(`../docs/${page}`, import.meta.url)), 'utf8')
  return Array.from(text.matchAll(/```ts\n(.*?)```/gs), ([, code]) => ({
    name: code!.split('\n').find((line) => line && !line.startsWith('import'))!,
    code: code!,
  }))
}

/** Runs a block of a page and returns the lines it prints. */
export async function printed(code: string, api: object): Promise<string[]> {
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
  await module.exports.default(api, { log: (...values: unknown[]) => lines.push(values.map(shown).join(' ')) })
  return lines
}

/** What the comments at the ends of its lines say that a block prints; blocks without such comments only have to run. */
export function promised(code: string): string[] {
  return code.split('\n').flatMap((line) => /^console\.log.*\/\/ (?:.*: )?(.+)$/.exec(line)?.[1] ?? [])
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value)
}
