import { Command } from 'commander'
import type { Diagnosis } from '../setup/doctor.ts'
import { exitCodes } from './failure.ts'
import { jsonOption } from './options.ts'
import { snakeCase } from './snake-case.ts'

const marks = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM' } as const

/** `frankentorch doctor`: what the addon needs, what is there, and how to repair the difference. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check platform, libtorch and addon, and say how to repair what is wrong')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch doctor')
    .action(diagnose)
}

async function diagnose(options: { json?: boolean }): Promise<void> {
  const { doctor } = await import('../setup/doctor.ts')
  const diagnosis = await doctor()
  process.stdout.write(`${options.json ? JSON.stringify(snakeCase(diagnosis), null, 2) : describe(diagnosis)}\n`)
  if (!diagnosis.ok) process.exitCode = exitCodes.failed
}

function describe({ version, findings }: Diagnosis): string {
  const lines = findings.map(({ subject, state, found }) => `${marks[state]}  ${subject.padEnd(8)}  ${found}`)
  return [`frankentorch ${version}`, ...lines].join('\n')
}
