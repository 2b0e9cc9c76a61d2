/* The unpackers that unpack.c leaves to unpack_codebook.c. */
#pragma once

#include <stdint.h>

typedef void unpack_blocks(const void *source, float *y, int64_t n_blocks);

unpack_blocks unpack_iq4_nl, unpack_iq4_xs, unpack_mxfp4, unpack_nvfp4;
unpack_blocks unpack_tq1_0, unpack_tq2_0;
unpack_blocks unpack_iq2_xxs, unpack_iq2_xs, unpack_iq2_s;
unpack_blocks unpack_iq3_xxs, unpack_iq3_s, unpack_iq1_s, unpack_iq1_m;
