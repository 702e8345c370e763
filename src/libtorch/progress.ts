import type { ProvisionOptions } from './provision.ts'

/**
 * Progress of a provision as lines on `stream`: on a terminal one that is rewritten, elsewhere one per tenth,
 * so that the log of a build server stays short.
 */
export function provisionProgress(
  stream: NodeJS.WriteStream = process.stderr,
  prefix = 'libtorch: ',
): Pick<ProvisionOptions, 'report' | 'onProgress' | 'pip'> {
  const step = stream.isTTY ? 0.01 : 0.1
  let next = 0
  let open = false
  const close = () => {
    if (open) stream.write('\n')
    open = false
  }
  return {
    report(line) {
      close()
      next = step
      stream.write(`${prefix}${line}\n`)
    },
    onProgress(done, total) {
      if (done / total < next) return
      next = Math.floor(done / total / step + 1) * step
      const line = `${prefix}${Math.floor((100 * done) / total)} % of ${Math.round(total / 1e6)} MB`
      stream.write(stream.isTTY ? `\r${line}` : `${line}\n`)
      open = stream.isTTY
    },
    pip: {
      onOutput(text) {
        close()
        stream.write(text)
      },
    },
  }
}
