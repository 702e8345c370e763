#pragma once

// A function compiled for several kinds of processors, chosen when the library loads. Vectors wider than the build's
// own come from `#pragma omp simd` inside it.
#if defined(__x86_64__)
#define FRANKENTORCH_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FRANKENTORCH_CLONES
#endif
