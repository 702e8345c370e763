import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as frankentorch from '../../src/index.ts'
import { compile, start } from '../cli/frankentorch.ts'
import { scriptedEndpoint } from '../judge/scripted-endpoint.ts'
import { printed } from '../page.ts'
import { anchorsOf, type Block, blocksOf, linksOf, pages } from './blocks.ts'
import { clearOutputs, linkedDesk, makeDesk } from './desk.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const main = join(root, 'dist/cli/main.js')

/** Lines that run elsewhere, or cannot run in a test, and why. */
const elsewhere: [RegExp, string][] = [
  [
    /\bnpm (ci|install|test|run)\b|\bpnpm\b|^npx frankentorch/,
    'the gate and test/package install, build and run the package',
  ],
  [/^frankentorch setup\b/, 'test/libtorch provisions from wheels and mirrors'],
  [/^frankentorch (demo|study)\b/, 'takes minutes; tests of its own run it smaller'],
  [
    /layers 8-19|--layer-cuts 8,20/,
    'names layers that the small checkpoints lack; test/surgery and test/train cut theirs',
  ],
  [/^hf download\b/, 'downloads'],
  [/^(node )?scripts\/(build-cuda|bench)|^node scripts\/(build-cuda|bench)/, 'needs a GPU, or measures'],
  [/^\/?(python|pip)\b/, 'Python is no part of the project'],
]
/** Pages whose TypeScript has a test of its own, which also knows what it prints. */
const pagesWithTests = readdirSync(join(root, 'test'), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => [...readFileSync(join(root, 'test', file), 'utf8').matchAll(/examplesOf\('([\w-]+\.md)'\)/g)])
  .map(([, page]) => `docs/${page}`)

/** Counts that an example asks for, cut down to what a test can wait for. */
const small: Record<string, number> = {
  ...{ train: 12, test: 12, pairs: 1, samples: 2, steps: 1, epochs: 1, group: 2, batch: 2 },
  ...{ 'max-new-tokens': 4, maxNewTokens: 4, 'save-steps': 1, saveSteps: 1 },
}
function reduced(code: string): string {
  return Object.entries(small).reduce(
    (text, [name, count]) =>
      text
        .replace(new RegExp(`(--${name}[ =])\\d+`, 'g'), `$1${count}`)
        .replace(new RegExp(`(\\b${name}: )\\d[\\d_]*`, 'g'), `$1${count}`),
    code,
  )
}

let desk: string
let endpoint: Awaited<ReturnType<typeof scriptedEndpoint>>
const servers = new Map<string, { url: string; stop(): void }>()
beforeAll(async () => {
  compile()
  desk = await makeDesk()
  endpoint = await scriptedEndpoint(() => 'correct')
})
afterAll(async () => {
  process.chdir(root)
  for (const { stop } of servers.values()) stop()
  await endpoint.close()
  await frankentorch.answers.close()
  rmSync(desk, { recursive: true })
})

// The commands of a page follow one another, and so do its programs; the two show the same thing twice.
const own = new Map<string, string>()
function deskOf({ page, language }: Pick<Block, 'page' | 'language'>): string {
  const key = `${page} ${language}`
  if (!own.has(key)) own.set(key, linkedDesk(desk))
  return own.get(key)!
}
afterAll(() => {
  for (const directory of own.values()) rmSync(directory, { recursive: true })
})
afterEach(() => process.chdir(root))

/** The address of the page's server, once it has started one, else of an endpoint of the test. */
function local({ page, code }: Pick<Block, 'page' | 'code'>): string {
  return code
    .replaceAll(/http:\/\/(127\.0\.0\.1|localhost):8000\/v1/g, servers.get(page)?.url ?? endpoint.url)
    .replaceAll('data:image/png;base64,…', `data:image/png;base64,${readFileSync(join(desk, 'speck.png'), 'base64')}`)
}

// A server runs until the tests of the pages end.
async function startServer(block: Block, line: string): Promise<void> {
  const words = line.trim().split(/\s+/).slice(1)
  const port = words.indexOf('--port')
  if (port >= 0) words[port + 1] = '0'
  const child = start(words, { cwd: deskOf(block) })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (text) => {
      const address = /http:\/\/\S+/.exec(String(text))?.[0]
      if (address) resolve(address)
    })
    child.once('close', () => reject(new Error(`It ended: ${line}`)))
  })
  servers.set(block.page, { url, stop: () => child.kill('SIGKILL') })
}

async function runShell(block: Block): Promise<void> {
  const { page, code } = block
  const lines = code.replaceAll('\\\n', ' ').split('\n')
  const skipped = lines.filter((line) => elsewhere.some(([pattern]) => pattern.test(line.trim())))
  for (const line of skipped) {
    console.log(
      `${page}: not run here: ${line.trim()} (${elsewhere.find(([pattern]) => pattern.test(line.trim()))![1]})`,
    )
  }
  const served = lines.filter((line) => /^frankentorch serve\b/.test(line))
  for (const line of served) await startServer(block, line)
  const rest = lines.filter((line) => !skipped.includes(line) && !served.includes(line)).join('\n')
  if (rest.trim() === '') return
  const script = local({ page, code: reduced(rest) })
  clearOutputs(deskOf(block), script)
  const child = spawn('bash', ['-eo', 'pipefail', '-c', `frankentorch() { "$NODE" "$MAIN" "$@"; }\n${script}`], {
    cwd: deskOf(block),
    env: { ...process.env, NODE: process.execPath, MAIN: main, OMP_NUM_THREADS: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 55_000,
  })
  const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'close')])
  expect({ script, status, stderr: status === 0 ? '' : stderr }).toEqual({ script, status: 0, stderr: '' })
}

async function runTypeScript(block: Block): Promise<void> {
  const long = /\bawait (demo|study|tinyWorld)\(/.exec(block.code)
  if (long)
    return console.log(`${block.page}: not run here: ${long[1]} (takes minutes; tests of its own run it smaller)`)
  const code = local({ page: block.page, code: reduced(block.code) })
  clearOutputs(deskOf(block), code)
  process.chdir(deskOf(block))
  // what it prints is for the page's own test, on models that make it so
  await printed(code, frankentorch)
}

const runners: Record<string, (block: Block) => Promise<void>> = {
  sh: runShell,
  ts: runTypeScript,
  json: async ({ code }) => void JSON.parse(code),
  jsonl: async ({ code }) =>
    void code
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  yaml: async ({ code }) => expect(parse(code)).toBeTypeOf('object'),
}

describe.each(pages())('%s', (page) => {
  const blocks = blocksOf(page).filter(({ language }) => language !== '' && language !== 'text')
  const run = blocks.filter(({ language }) => !(language === 'ts' && pagesWithTests.includes(page)))
  for (const block of run) {
    test(`the ${block.language} at line ${block.line} runs`, async () => {
      expect(Object.keys(runners)).toContain(block.language)
      await runners[block.language]!(block)
    }, 60_000)
  }

  test('every link leads somewhere', () => {
    const broken = linksOf(page).filter((target) => {
      const [file, anchor] = target.split('#', 2) as [string, string?]
      const path = file === '' ? page : relative(root, resolve(root, dirname(page), file))
      if (!existsSync(join(root, path))) return true
      return anchor !== undefined && path.endsWith('.md') && !anchorsOf(path).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

test('the index of the docs names every page', () => {
  const named = linksOf('docs/README.md').map((target) => target.split('#')[0])
  const there = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md')
  expect(there.filter((name) => !named.includes(name))).toEqual([])
})
