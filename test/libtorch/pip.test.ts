import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { provisionLibtorch } from '../../src/libtorch/provision.ts'
import { closedSite, madeUpRelease, site, temporaryDirectory, wheel } from './site.ts'

const release = madeUpRelease(await closedSite())

/** A command that behaves like pip: writes its arguments to `log` and the wheel, if any, where --dest says. */
function fakePip(content: Buffer | undefined): { command: string[]; log: string } {
  const directory = temporaryDirectory()
  const log = path.join(directory, 'arguments.json')
  const source = path.join(directory, 'source')
  if (content) writeFileSync(source, content)
  const script = path.join(directory, 'pip.cjs')
  writeFileSync(
    script,
    `const fs = require('fs'), args = process.argv.slice(2)
     fs.writeFileSync(${JSON.stringify(log)}, JSON.stringify(args))
     if (!fs.existsSync(${JSON.stringify(source)})) { console.error('ERROR: No matching distribution found'); process.exit(1) }
     fs.copyFileSync(${JSON.stringify(source)}, args[args.indexOf('--dest') + 1] + '/${release.wheel}')`,
  )
  return { command: [process.execPath, script], log }
}

function provision(cache: string, pip: string[], url = release.url) {
  const environment = { ...process.env, FRANKENTORCH_LIBTORCH: '', FRANKENTORCH_CACHE: cache }
  const commands = [['frankentorch-no-such-pip'], pip]
  return provisionLibtorch({ environment, release: { ...release, url }, pip: { commands }, download: { pause: 1 } })
}

test('where the site cannot be reached pip fetches that very build for Python 3.11, whatever Python it runs on', async () => {
  const cache = temporaryDirectory()
  const pip = fakePip(wheel)
  const libtorch = await provision(cache, pip.command)
  expect(libtorch.directory).toBe(path.join(cache, 'libtorch-9.8.7-cpu'))
  expect(readdirSync(cache)).toEqual(['libtorch-9.8.7-cpu'])
  const args = JSON.parse(readFileSync(pip.log, 'utf8'))
  expect(args).toEqual(
    expect.arrayContaining(['download', '--no-deps', 'torch==9.8.7+cpu', 'manylinux_2_28_x86_64', '3.11']),
  )
})

test('a site that answers with a page instead of the wheel counts as out of reach', async () => {
  const portal = await site({ content: Buffer.from('<html>Please log in</html>') })
  await provision(temporaryDirectory(), fakePip(wheel).command, portal.url)
  expect(portal.ranges).toHaveLength(1)
})

test("a wheel from pip's index with the wrong checksum is refused and removed", async () => {
  const cache = temporaryDirectory()
  await expect(provision(cache, fakePip(Buffer.from('another build')).command)).rejects.toMatchObject({
    code: 'ERR_LIBTORCH_DOWNLOAD',
    message: expect.stringContaining("from pip's index"),
  })
  expect(readdirSync(cache, { recursive: true }).filter((name) => String(name).endsWith('.whl'))).toEqual([])
})

test('when neither site nor pip has it, the error says what each answered and what to run', async () => {
  await expect(provision(temporaryDirectory(), fakePip(undefined).command)).rejects.toMatchObject({
    code: 'ERR_LIBTORCH_DOWNLOAD',
    message: expect.stringMatching(
      /127\.0\.0\.1:\d+.*ECONNREFUSED.*does not run.*No matching distribution found.*npx frankentorch setup/s,
    ),
  })
})
