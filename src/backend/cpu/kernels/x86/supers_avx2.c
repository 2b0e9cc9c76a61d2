/* Few columns with weights of the K types and IQ4_XS. */
#include "backend/cpu/kernels/x86/chunks_avx2.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/supers_avx2.h"

#define DEFINE(NAME, SIGNED)                                                                       \
    void matmul_##NAME##_avx2(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct super_type type = {sizeof(struct block_##NAME), head_##NAME, chunk_##NAME, SIGNED,  \
                                  NULL};                                                           \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(q2_k, false)
DEFINE(q3_k, false)
DEFINE(q4_k, false)
DEFINE(q5_k, false)
DEFINE(q6_k, false)
DEFINE(iq4_xs, true)
