/* The super-block types without VNNI: how many products of their bytes fit 16 bits. Of two unsigned
 * values up to w and columns up to 127 the sum of n vectors is at most 2 * 127 * n * w. */
#pragma once

#include "backend/cpu/kernels/x86/panel_dots_pairs.h"
#include "backend/cpu/kernels/x86/panel_supers.h"

#define GROUPS_32_BY_8                                                                             \
    {                                                                                              \
        32, 8, true                                                                                \
    } /* w up to 16 */
#define GROUPS_32_BY_4                                                                             \
    {                                                                                              \
        32, 4, true                                                                                \
    } /* w up to 32 */
#define GROUPS_16_BY_4                                                                             \
    {                                                                                              \
        16, 4, true                                                                                \
    }
#define GROUPS_16_BY_2                                                                             \
    {                                                                                              \
        16, 2, true                                                                                \
    } /* w up to 64 */
#define WORDS_32                                                                                   \
    {                                                                                              \
        32, 0, false                                                                               \
    } /* more */
#define WORDS_16                                                                                   \
    {                                                                                              \
        16, 0, false                                                                               \
    }
DEFINE_MULTIPLY(groups_32_by_8, multiply_supers, GROUPS_32_BY_8)
DEFINE_MULTIPLY(groups_32_by_4, multiply_supers, GROUPS_32_BY_4)
DEFINE_MULTIPLY(groups_16_by_4, multiply_supers, GROUPS_16_BY_4)
DEFINE_MULTIPLY(groups_16_by_2, multiply_supers, GROUPS_16_BY_2)
DEFINE_MULTIPLY(words_32, multiply_supers, WORDS_32)
DEFINE_MULTIPLY(words_16, multiply_supers, WORDS_16)

DEFINE_SUPER(q4_k, NULL, 0, groups_32_by_8, GROUPS_32_BY_8)
DEFINE_SUPER(q5_k, NULL, 0, groups_32_by_4, GROUPS_32_BY_4)
DEFINE_SUPER(q2_k, NULL, 0, groups_16_by_4, GROUPS_16_BY_4)
DEFINE_SUPER(q3_k, NULL, 0, groups_16_by_4, GROUPS_16_BY_4)
DEFINE_SUPER(q6_k, NULL, 0, groups_16_by_2, GROUPS_16_BY_2)
DEFINE_SUPER(iq3_s, codes_iq3_s, 15, groups_32_by_4, GROUPS_32_BY_4)
DEFINE_SUPER(iq1_s, codes_iq1_s, 0, groups_32_by_4, GROUPS_32_BY_4)
DEFINE_SUPER(iq1_m, codes_iq1_m, 0, groups_16_by_4, GROUPS_16_BY_4)
DEFINE_SUPER(tq1_0, NULL, 0, groups_16_by_2, GROUPS_16_BY_2)
DEFINE_SUPER(tq2_0, NULL, 0, groups_32_by_8, GROUPS_32_BY_8)
DEFINE_SUPER(iq4_xs, NULL, 0, words_32, WORDS_32)
DEFINE_SUPER(iq2_xxs, codes_iq2_xxs, 0, words_32, WORDS_32)
DEFINE_SUPER(iq3_xxs, codes_iq3_xxs, 0, words_32, WORDS_32)
DEFINE_SUPER(iq2_xs, codes_iq2_xs, 0, words_16, WORDS_16)
DEFINE_SUPER(iq2_s, codes_iq2_s, 0, words_16, WORDS_16)

#include "backend/cpu/kernels/x86/panel_supers_table.h"
