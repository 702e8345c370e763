import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/index.ts'
import { locateLibtorch } from '../../src/libtorch/locate.ts'
import { compile } from '../cli/frankentorch.ts'
import { tinyText } from '../native/models.ts'
import { bareEnvironment, install, nodes, pack, printed, root } from './packed.ts'

const run = promisify(execFile)
const directory = mkdtempSync(join(os.tmpdir(), 'frankentorch-package-'))
const env = bareEnvironment(join(directory, 'bin'), locateLibtorch().directory)
const [npm, pnpm] = [join(directory, 'with-npm'), join(directory, 'with-pnpm')]
let packed: ReturnType<typeof pack>
let expected: number[]

beforeAll(async () => {
  compile()
  packed = pack(directory)
  await install('npm', packed.file, npm, env)
  await using model = await VisionLanguageModel.load(tinyText)
  expected = (await model.generate({ inputIds: [[65, 66, 67]] }, { maxNewTokens: 8 })).tokenIds
}, 240_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

const node = (args: string[], cwd = npm, environment = env) => printed(process.execPath, args, cwd, environment)

describe('the tarball', () => {
  test('holds the prebuilt addon tagged glibc, types and notices; no libtorch, no sources, at most 15 MB', () => {
    expect(packed.names).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'dist/THIRD-PARTY-NOTICES.txt',
        'dist/index.d.ts',
        'dist/bundle/index.d.ts',
        'dist/bundle/index.cjs',
        'prebuilds/linux-x64/frankentorch.glibc.node',
        'prebuilds/preload/linux-x64/preload.node',
        'prebuilds/preload/linux-x64/requirements.json',
      ]),
    )
    expect(packed.names.filter((name) => /\.so(\.|$)|\.map$|^(src|cpp|binding|build)\//.test(name))).toEqual([])
    expect(packed.bytes).toBeLessThan(15e6)
  })

  test('runs nothing when it is installed and needs no tool of a build', () => {
    const { scripts, dependencies } = JSON.parse(
      readFileSync(join(npm, 'node_modules/frankentorch/package.json'), 'utf8'),
    )
    expect(Object.keys(scripts)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(pre|post)?install$/)]))
    expect(Object.keys(dependencies).filter((name) => /cmake|gyp(?!-build$)|addon-api|api-headers/.test(name))).toEqual(
      [],
    )
  })

  test('resolves to types for import and for require (attw, publint)', async () => {
    const bin = join(root, 'node_modules/.bin')
    await run(process.execPath, [join(bin, 'attw'), packed.file, '--profile', 'node16'], { cwd: root })
    await run(process.execPath, [join(bin, 'publint'), packed.file, '--strict'], { cwd: root })
  }, 60_000)
})

describe('installed with npm, on a PATH that holds Node alone', () => {
  test.each(['generate.mjs', 'generate.cjs'])('%s gives the tokens that the sources give', async (program) => {
    expect(await node([program, tinyText])).toEqual(expected)
  })

  test('import and require give the same classes', async () => {
    expect(await node(['both.mjs'])).toEqual([])
  })

  test('two workers and a forked process generate at once', async () => {
    expect(await node(['workers.cjs', tinyText])).toEqual([expected, expected, expected])
  })

  test.each(['esm', 'cjs'] as const)(
    'a program bundled by esbuild (%s) with the package external generates',
    async (format) => {
      const outfile = join(npm, `bundled.${format === 'esm' ? 'mjs' : 'cjs'}`)
      const entryPoints = [join(npm, format === 'esm' ? 'generate.mjs' : 'generate.cjs')]
      await build({ entryPoints, outfile, format, bundle: true, platform: 'node', external: ['frankentorch'] })
      expect(await node([outfile, tinyText])).toEqual(expected)
    },
  )

  test('doctor finds nothing wrong', async () => {
    const diagnosis = await node(['node_modules/frankentorch/dist/cli/main.js', 'doctor', '--json'])
    expect(diagnosis).toMatchObject({ ok: true, addon: { outcome: 'works' } })
  })

  test('without libtorch the first use names the command that fetches it', async () => {
    const cache = join(directory, 'empty')
    mkdirSync(cache, { recursive: true })
    const without = { ...env, FRANKENTORCH_LIBTORCH: '', FRANKENTORCH_CACHE: cache }
    expect(await node(['missing.mjs'], npm, without)).toEqual({
      code: 'ERR_LIBTORCH_NOT_FOUND',
      message: expect.stringContaining('Run: npx frankentorch setup'),
    })
  })

  test('on a system with an older glibc than the prebuild asks for, the error says so', async () => {
    const file = join(npm, 'node_modules/frankentorch/prebuilds/preload/linux-x64/requirements.json')
    const requirements = readFileSync(file)
    writeFileSync(file, '{"glibc":"99.1"}')
    try {
      const message = expect.stringMatching(/Expected glibc ≥ 99\.1.*this system has \d.*docker run/)
      expect(await node(['missing.mjs'])).toEqual({ code: 'ERR_PLATFORM', message })
    } finally {
      writeFileSync(file, requirements)
    }
  })

  // The oldest that package.json admits, the long-term releases, and the newest.
  const versions = ['20.17.0', '22', '24', 'latest']
  test('generates on Node 20.17, 22, 24 and the newest, by import and by require', async () => {
    for (const [version, binary] of Object.entries(nodes(versions))) {
      for (const program of ['generate.mjs', 'generate.cjs']) {
        expect([version, program, await printed(binary, [program, tinyText], npm, env)]).toEqual([
          version,
          program,
          expected,
        ])
      }
    }
  }, 180_000)
})

test('installed with pnpm: generates by import and by require', async () => {
  await install('pnpm', packed.file, pnpm, env)
  for (const program of ['generate.mjs', 'generate.cjs'])
    expect(await node([program, tinyText], pnpm)).toEqual(expected)
}, 120_000)
