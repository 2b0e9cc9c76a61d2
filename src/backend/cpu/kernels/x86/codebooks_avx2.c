/* Few columns with weights of codebook rows or in base 3. */
#include "backend/cpu/kernels/x86/chunks_codes_avx2.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/supers_avx2.h"

#define DEFINE(NAME, SIGNED, CODES)                                                                \
    void matmul_##NAME##_avx2(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct super_type type = {sizeof(struct block_##NAME), head_##NAME, chunk_##NAME, SIGNED,  \
                                  CODES};                                                          \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(iq2_xxs, true, codes_iq2_xxs)
DEFINE(iq2_xs, true, codes_iq2_xs)
DEFINE(iq2_s, true, codes_iq2_s)
DEFINE(iq3_xxs, true, codes_iq3_xxs)
DEFINE(iq3_s, true, codes_iq3_s)
DEFINE(iq1_s, false, codes_iq1_s)
DEFINE(iq1_m, false, codes_iq1_m)
DEFINE(tq1_0, false, NULL)
DEFINE(tq2_0, false, NULL)
