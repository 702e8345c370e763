import { type ErrorCode, error, errorCodes } from '../src/errors.ts'

/** docs/errors.md: the table of src/errors.ts as a page. A test writes it when told to (`UPDATE_DOCS=1`) and compares it otherwise. */
export function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(([code, meaning]) => {
    const { name } = error(code as ErrorCode, '')
    return `| \`${code}\` | \`${name}\` | ${meaning} |\n`
  })
  return `# Errors

Whatever a public function rejects with is a \`FrankentorchError\` with a \`code\` that stays, of one of the classes below. The message says what was expected, where, what was
found, and the way out where there is one; on the command line it is one line that ends with the code, and \`DEBUG=1\` adds the stack.

\`\`\`ts
import { FrankentorchError, openCheckpoint } from 'frankentorch'

const failure = await openCheckpoint('nowhere').catch((thrown) => thrown)
console.log(failure instanceof FrankentorchError, failure.code) // true ERR_CHECKPOINT_NOT_FOUND
\`\`\`

An \`ArgumentError\` is wrong usage: the command line exits with 2, for the other classes with 1, and with 130 when it was interrupted.

| code | class | |
|---|---|---|
${rows.join('')}`
}
