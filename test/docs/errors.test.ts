import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { errorsPage } from '../../scripts/error-codes.ts'

test('docs/errors.md is the table of src/errors.ts (UPDATE_DOCS=1 writes it)', () => {
  const file = fileURLToPath(new URL('../../docs/errors.md', import.meta.url))
  if (process.env.UPDATE_DOCS) writeFileSync(file, errorsPage())
  expect(readFileSync(file, 'utf8')).toBe(errorsPage())
})
