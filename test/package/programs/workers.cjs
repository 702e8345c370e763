// Two workers and a forked process that generate at once; prints what each did.
const { fork } = require('node:child_process')
const { Worker } = require('node:worker_threads')

const model = process.argv[2]
const capture = `console.log = (line) => require('node:worker_threads').parentPort.postMessage(line);`

function worker() {
  const code = `${capture} process.argv[2] = ${JSON.stringify(model)}; require('./generate.cjs')`
  return new Promise((resolve, reject) => {
    const thread = new Worker(code, { eval: true })
    let line
    thread.on('message', (message) => (line = message))
    thread.on('error', reject)
    thread.on('exit', () => resolve(JSON.parse(line)))
  })
}

function child() {
  return new Promise((resolve) => {
    let line = ''
    const process = fork('./generate.cjs', [model], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    process.stdout.on('data', (text) => (line += text))
    process.on('close', () => resolve(JSON.parse(line)))
  })
}

Promise.all([worker(), worker(), child()]).then((all) => console.log(JSON.stringify(all)))
