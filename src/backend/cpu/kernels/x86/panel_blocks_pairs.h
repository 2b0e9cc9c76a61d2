/* The block types without VNNI: see panel_supers_pairs.h for how many vectors fit 16 bits. */
#pragma once

#include "backend/cpu/kernels/x86/panel_dots_pairs.h"
#include "backend/cpu/kernels/x86/panel_blocks.h"

#define MOVED_BY_8                                                                                 \
    {                                                                                              \
        8, 8, false, false                                                                         \
    } /* up to 15 */
#define WITH_MIN_8                                                                                 \
    {                                                                                              \
        8, 0, true, false                                                                          \
    }
#define MOVED_BY_16                                                                                \
    {                                                                                              \
        4, 16, false, false                                                                        \
    } /* up to 31 */
#define WITH_MIN_4                                                                                 \
    {                                                                                              \
        4, 0, true, false                                                                          \
    }
#define MOVED_BY_12                                                                                \
    {                                                                                              \
        4, 12, false, false                                                                        \
    } /* up to 24 */
#define WORDS                                                                                      \
    {                                                                                              \
        0, 0, false, false                                                                         \
    }
#define WORDS_16                                                                                   \
    {                                                                                              \
        0, 0, false, true                                                                          \
    }
DEFINE_MULTIPLY(moved_by_8, multiply_blocks, MOVED_BY_8)
DEFINE_MULTIPLY(with_min_8, multiply_blocks, WITH_MIN_8)
DEFINE_MULTIPLY(moved_by_16, multiply_blocks, MOVED_BY_16)
DEFINE_MULTIPLY(with_min_4, multiply_blocks, WITH_MIN_4)
DEFINE_MULTIPLY(moved_by_12, multiply_blocks, MOVED_BY_12)
DEFINE_MULTIPLY(words, multiply_blocks, WORDS)
DEFINE_MULTIPLY(words_16, multiply_blocks, WORDS_16)

DEFINE_PACK(q4_0, MOVED_BY_8)
DEFINE_PACK(q4_1, WITH_MIN_8)
DEFINE_PACK(q5_0, MOVED_BY_16)
DEFINE_PACK(q5_1, WITH_MIN_4)
DEFINE_PACK(mxfp4, MOVED_BY_12)
DEFINE_PACK(q8_0, WORDS)
DEFINE_PACK(iq4_nl, WORDS)

DEFINE_BLOCK(q4_0, moved_by_8)
DEFINE_BLOCK(q4_1, with_min_8)
DEFINE_BLOCK(q5_0, moved_by_16)
DEFINE_BLOCK(q5_1, with_min_4)
DEFINE_BLOCK(mxfp4, moved_by_12)
DEFINE_BLOCK(q8_0, words)
DEFINE_BLOCK(iq4_nl, words)
DEFINE_BLOCK(nvfp4, words_16)

#include "backend/cpu/kernels/x86/panel_blocks_table.h"
