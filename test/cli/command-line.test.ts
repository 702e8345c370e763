import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { program } from '../../src/cli/program.ts'
import { compile, frankentorch, inThisProcess, start } from './frankentorch.ts'

beforeAll(compile)

/** Every command that does something, with its words. */
function commands(parent = program(), words: string[] = []): { words: string[]; help: string }[] {
  return parent.commands.flatMap((command) => {
    const path = [...words, command.name()]
    return command.commands.length > 0 ? commands(command, path) : [{ words: path, help: command.helpInformation() }]
  })
}

test.each(commands())('help of $words: every option is described, and an example is shown', async ({ words, help }) => {
  const { code, stdout, stderr } = await inThisProcess([...words, '--help'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`Usage: frankentorch ${words.join(' ')}`)
  expect(stdout.replace('Examples:', 'Example:')).toContain(`Example:\n  $ frankentorch ${words.join(' ')}`)
  expect(help.split('\n').filter((line) => /^ {2}-\S+(?: <\S+>)?\s*$/.test(line))).toEqual([])
})

test('the list of commands and the version need no libtorch', async () => {
  const env = { FRANKENTORCH_LIBTORCH: '/nowhere', XDG_CACHE_HOME: '/nowhere' }
  expect(await frankentorch(['--help'], { env })).toMatchObject({ code: 0, stderr: '' })
  expect((await frankentorch(['--version'], { env })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

const usage: [string, string[], string][] = [
  ['no command', [], 'Usage: frankentorch'],
  ['an unknown command', ['explode'], "unknown command 'explode'"],
  ['an unknown option', ['generate', '--model', 'x', '--promt', 'x'], "unknown option '--promt'"],
  ['a missing option', ['generate', '--prompt', 'x'], "required option '--model <dir|name>' not specified"],
  ['a value that is no number', ['generate', '--model', 'x', '--temperature', 'warm'], 'Expected a number ≥ 0.'],
  ['a value out of range', ['generate', '--model', 'x', '--top-p', '1.5'], 'Expected a number > 0 and ≤ 1.'],
  [
    'an unknown dtype',
    ['generate', '--model', 'x', '--dtype', 'int4'],
    'Allowed choices are float64, float32, float16, bfloat16.',
  ],
  ['neither prompt nor messages', ['generate', '--model', 'x'], 'Expected --prompt TEXT or --messages FILE'],
  [
    'prompt and messages',
    ['generate', '--model', 'x', '--prompt', 'x', '--messages', 'f'],
    "option '--prompt <text>' cannot be used with option '--messages <file>'",
  ],
  ['layers that run backwards', ['probe', 'vision', '--layers', '5-3'], 'ranges such as 0-5,7'],
]

test.each(usage)('%s is wrong usage: exit 2, the reason on stderr, nothing on stdout', async (_, words, message) => {
  const { code, stdout, stderr } = await inThisProcess(words)
  expect(stderr).toContain(message)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('a process exits 2 on wrong usage', async () => {
  const { code, stdout, stderr } = await frankentorch(['generate', '--prompt', 'x'])
  expect(stderr).toBe("error: required option '--model <dir|name>' not specified\n(--help shows the options)\n")
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('what fails exits 1 with one line that names the code; DEBUG adds the stack', async () => {
  const words = ['generate', '--model', '/nowhere', '--messages', '/nowhere.json']
  const { code, stdout, stderr } = await frankentorch(words)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^error: Cannot read \/nowhere\.json: .* \(ERR_MESSAGES\)\n$/)
  expect((await frankentorch(words, { env: { DEBUG: '1' } })).stderr).toContain('at ')
})

test('the first signal lets a command end in order, the second kills it', async () => {
  const interrupt = new URL('../../dist/cli/interrupt.js', import.meta.url).href
  const script = `
    const { interruption, listenForInterrupts } = await import('${interrupt}')
    listenForInterrupts()
    interruption.addEventListener('abort', () => console.log('aborted'))
    setInterval(() => {}, 1000)
    console.log('ready')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('ready')
  child.kill('SIGINT')
  expect((await lines.next()).value).toBe('aborted')
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM'])
})

test('a reader that has seen enough does not make a command fail', async () => {
  const child = start(['probe', 'vision', '--help'])
  child.stdout.destroy()
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})
