// Writes the package's entries from what tsc wrote to dist/:
//   dist/bundle/index.cjs   the whole API in one file: `require` works on every Node, and one file loads several times faster than 200
//   dist/bundle/index.mjs   its names for `import`, so that a program that does both has one set of classes
//   dist/bundle/**.d.ts     the declarations once more, in a folder whose package.json says CommonJS
//   dist/report/page/        the script and style sheet of reports (bundle-page.mjs)
//   dist/THIRD-PARTY-NOTICES.txt   licences of what is inside

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundlePage } from './bundle-page.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const dist = path.join(root, 'dist')
const bundle = path.join(dist, 'bundle')
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

// Loaded at first use, by `import()` where they are ES modules; what is left is needed by every import, and quicker to load from one file.
const external = Object.keys(manifest.dependencies).filter((name) => !/^(zod|@huggingface\/)/.test(name))

// Each module keeps its place in dist/: from there it finds package.json, the addon and its workers.
const places = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path: file }) => {
      if (path.relative(dist, file).startsWith('..')) return undefined
      const place = JSON.stringify(path.relative(bundle, file))
      const url = `require('node:url').pathToFileURL(require('node:path').join(__dirname, ${place})).href`
      return { contents: readFileSync(file, 'utf8').replaceAll('import.meta.url', url), loader: 'js' }
    })
  },
}

// zod's own messages never leave check.ts, so 50 translations of them need not be parsed at every import.
const english = {
  name: 'english',
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({ contents: "export { default as en } from './en.js'" }))
  },
}

rmSync(bundle, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['dist/index.js'],
  outfile: 'dist/bundle/index.cjs',
  bundle: true,
  platform: 'node',
  target: 'node20.17',
  format: 'cjs',
  external,
  plugins: [places, english],
  metafile: true,
  logLevel: 'warning',
})
writeFileSync(path.join(bundle, 'index.mjs'), moduleOf('./index.cjs'))
writeFileSync(path.join(bundle, 'package.json'), '{ "type": "commonjs" }\n')
copyDeclarations()
writeNotices([...Object.keys(metafile.inputs), ...(await bundlePage())])

// By hand rather than `export *`, for which Node would first search the whole file for names: 100 ms.
function moduleOf(file) {
  const names = Object.keys(createRequire(path.join(bundle, 'index.mjs'))(file)).join(', ')
  const head = "import { createRequire } from 'node:module'\n"
  return `${head}export const { ${names} } = createRequire(import.meta.url)('${file}')\n`
}

function copyDeclarations() {
  for (const file of readdirSync(dist, { recursive: true })) {
    if (!file.endsWith('.d.ts') || file.startsWith('bundle')) continue
    mkdirSync(path.dirname(path.join(bundle, file)), { recursive: true })
    copyFileSync(path.join(dist, file), path.join(bundle, file))
  }
}

// node-addon-api is headers only: it is inside the addon.
function writeNotices(inputs) {
  const bundled = inputs.map((file) => file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1])
  const names = [...new Set([...bundled, 'node-addon-api'])].filter(Boolean).sort()
  const notices = names.map((name) => {
    const directory = path.join(root, 'node_modules', name)
    const { version, license } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'))
    const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice)/i.test(file))
    const texts = files.map((file) => readFileSync(path.join(directory, file), 'utf8').trim())
    return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`
  })
  const head = 'This package contains code of the following packages. libtorch is no part of it.\n'
  writeFileSync(path.join(dist, 'THIRD-PARTY-NOTICES.txt'), [head, ...notices].join(`\n${'-'.repeat(80)}\n\n`))
}
