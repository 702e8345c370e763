// Writes the parts of the report's page to dist/report/page/: its script with vega and vega-lite inside, and its style sheet.

import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

export async function bundlePage() {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/report/page/client.js', 'src/report/page/style.css'],
    outdir: 'dist/report/page',
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // a browser has its own; vega looks for these packages on Node alone
    external: ['canvas', 'node-fetch'],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  return Object.keys(metafile.inputs)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await bundlePage()
