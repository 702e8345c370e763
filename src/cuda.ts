import { z } from 'zod'
import { check } from './check.ts'
import { native } from './native.ts'

/** Bytes on one CUDA device. */
export interface CudaMemory {
  /** Held by tensors. */
  allocated: number
  /** The most that `allocated` has been. */
  peakAllocated: number
  /** Taken from the driver: what tensors hold and what the allocator keeps for the next ones. */
  reserved: number
  /** Left on the device, by the driver's count. */
  free: number
  total: number
}

/** Whether this libtorch is built for CUDA and finds a device. The first call may wait for the driver. */
export function isAvailable(): boolean {
  return deviceCount() > 0
}

/** CUDA devices that this process sees; 0 without CUDA. */
export function deviceCount(): number {
  return native().cudaDeviceCount()
}

/** Memory of a CUDA device, `'cuda'` (the first) or `'cuda:N'`. Throws `ERR_UNKNOWN_DEVICE` where there is none. */
export async function memory(device = 'cuda'): Promise<CudaMemory> {
  return native().cudaMemory(check(z.string(), device, 'device'))
}

/** Gives what the allocator keeps for later tensors back to the driver, after the work queued before; without CUDA nothing happens. */
export async function emptyCache(): Promise<void> {
  await native().cudaEmptyCache()
}
