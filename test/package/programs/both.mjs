// Whether import and require give the same classes.
import { createRequire } from 'node:module'
import * as namespace from 'frankentorch'

const imported = { ...namespace }
const required = createRequire(import.meta.url)('frankentorch')
console.log(JSON.stringify(Object.keys(required).filter((name) => required[name] !== imported[name])))
