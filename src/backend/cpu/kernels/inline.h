/* Kernels are written once for all types of a family: the loop takes the function that opens a
 * block as an argument, and inlining makes one specialised kernel of each pair. Loops over a
 * constant number of columns are unrolled so that their sums live in registers. */
#pragma once

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
