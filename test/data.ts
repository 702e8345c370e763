import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The path of a real data file that is not part of the project, below the folder that FRANKENTORCH_TEST_DATA names. Undefined without that
 * variable, after saying what is skipped; throws when the variable is set and the file is not there. Use: `test.skipIf(!path)`.
 */
export function testData(path: string): string | undefined {
  const folder = process.env.FRANKENTORCH_TEST_DATA
  if (!folder) {
    console.warn(`Skipping what needs ${path}: FRANKENTORCH_TEST_DATA does not name the folder of test data`)
    return undefined
  }
  const file = join(folder, path)
  if (!existsSync(file)) throw new Error(`FRANKENTORCH_TEST_DATA is set but ${file} does not exist`)
  return file
}
