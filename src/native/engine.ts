import type { CancellationHandle } from './handles.ts'

/** The engine itself, and what aborts its work. */
export interface EngineCalls {
  readonly torchVersion: string
  createCancellation(): CancellationHandle
  cancel(cancellation: CancellationHandle): void
  /** Called as the process exits: with work under way it then ends without taking libtorch down, which that work still uses. */
  beforeExit(): void
  setNumThreads(threads: number): Promise<number>
  numThreads(): Promise<number>
  memory(): { tensors: number; bytes: number; models: number }
  cudaDeviceCount(): number
  cudaMemory(
    device: string,
  ): Promise<{ allocated: number; peakAllocated: number; reserved: number; free: number; total: number }>
  cudaEmptyCache(): Promise<void>
  /** From here on, or no longer, counts the operations that the engine dispatches, by name; gives what was counted. For tests and bench. */
  countOperations(on: boolean): Promise<Record<string, number>>
  /** How often work or words have crossed between JavaScript and engine. */
  crossings(): number
}
