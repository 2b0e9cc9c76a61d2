/* The block types with VNNI: signed values are moved by 128; of NVFP4, whose groups of 16 have no
 * sums of the columns, they are words. */
#pragma once

#include "backend/cpu/kernels/x86/panel_dots_vnni.h"
#include "backend/cpu/kernels/x86/panel_blocks.h"

#define MOVED                                                                                      \
    {                                                                                              \
        8, 128, false, false                                                                       \
    }
#define WITH_MIN                                                                                   \
    {                                                                                              \
        8, 0, true, false                                                                          \
    }
#define WORDS_16                                                                                   \
    {                                                                                              \
        0, 0, false, true                                                                          \
    }
DEFINE_MULTIPLY(moved, multiply_blocks, MOVED)
DEFINE_MULTIPLY(with_min, multiply_blocks, WITH_MIN)
DEFINE_MULTIPLY(words_16, multiply_blocks, WORDS_16)

DEFINE_PACK(q4_0, MOVED)
DEFINE_PACK(q4_1, WITH_MIN)
DEFINE_PACK(q5_0, MOVED)
DEFINE_PACK(q5_1, WITH_MIN)
DEFINE_PACK(mxfp4, MOVED)
DEFINE_PACK(q8_0, MOVED)
DEFINE_PACK(iq4_nl, MOVED)

DEFINE_BLOCK(q4_0, moved)
DEFINE_BLOCK(q4_1, with_min)
DEFINE_BLOCK(q5_0, moved)
DEFINE_BLOCK(q5_1, with_min)
DEFINE_BLOCK(mxfp4, moved)
DEFINE_BLOCK(q8_0, moved)
DEFINE_BLOCK(iq4_nl, moved)
DEFINE_BLOCK(nvfp4, words_16)

#include "backend/cpu/kernels/x86/panel_blocks_table.h"
