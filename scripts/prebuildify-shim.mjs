#!/usr/bin/env node
// prebuildify starts this in place of node-gyp, in the folder where it then looks for build/Release/*.node. Its arguments name a Node version and
// headers, which a Node-API addon does not depend on.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const build = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'build')
const { status, error } = spawnSync('cmake', ['--install', build, '--prefix', process.cwd(), '--strip'], {
  stdio: 'inherit',
})
if (error) throw error
process.exitCode = status ?? 1
