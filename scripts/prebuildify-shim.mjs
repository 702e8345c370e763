#!/usr/bin/env node
// prebuildify starts this in place of node-gyp. Its arguments name a Node version and headers, which a Node-API addon does not depend on.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const build = path.join(path.dirname(fileURLToPath(import.meta.url)), 'build-native.mjs')
process.exitCode = spawnSync(process.execPath, [build, '--no-rpath'], { stdio: 'inherit' }).status ?? 1
