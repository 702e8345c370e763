/** One build of libtorch, as a wheel: a zip that holds `torch/lib` and `torch/include`. */
export interface Release {
  version: string
  /** Local version of the wheel: which devices the build serves. */
  variant: string
  wheel: string
  url: string
  /** Size of the wheel in bytes. */
  bytes: number
  sha256: string
}

/** The libtorch this package is built against and fetches; libtorch keeps no stable C++ ABI between minor versions. */
export const release: Release = {
  version: '2.13.0',
  variant: 'cpu',
  wheel: 'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl',
  url: 'https://download.pytorch.org/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl',
  bytes: 191_794_682,
  sha256: '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b',
}

/** The command every message about a missing libtorch ends with. */
export const setupCommand = 'npx frankentorch setup'
