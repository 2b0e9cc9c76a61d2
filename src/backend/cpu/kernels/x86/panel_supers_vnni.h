/* The super-block types with VNNI: signed values are moved by 128. */
#pragma once

#include "backend/cpu/kernels/x86/panel_dots_vnni.h"
#include "backend/cpu/kernels/x86/panel_supers.h"

#define GROUPS_32                                                                                  \
    {                                                                                              \
        32, 8, true                                                                                \
    }
#define GROUPS_16                                                                                  \
    {                                                                                              \
        16, 4, true                                                                                \
    }
DEFINE_MULTIPLY(groups_32, multiply_supers, GROUPS_32)
DEFINE_MULTIPLY(groups_16, multiply_supers, GROUPS_16)

DEFINE_SUPER(q4_k, NULL, 0, groups_32, GROUPS_32)
DEFINE_SUPER(q5_k, NULL, 0, groups_32, GROUPS_32)
DEFINE_SUPER(q2_k, NULL, 0, groups_16, GROUPS_16)
DEFINE_SUPER(q3_k, NULL, 0, groups_16, GROUPS_16)
DEFINE_SUPER(q6_k, NULL, 0, groups_16, GROUPS_16)
DEFINE_SUPER(iq3_s, codes_iq3_s, 128, groups_32, GROUPS_32)
DEFINE_SUPER(iq1_s, codes_iq1_s, 0, groups_32, GROUPS_32)
DEFINE_SUPER(iq1_m, codes_iq1_m, 0, groups_16, GROUPS_16)
DEFINE_SUPER(tq1_0, NULL, 0, groups_32, GROUPS_32)
DEFINE_SUPER(tq2_0, NULL, 0, groups_32, GROUPS_32)
DEFINE_SUPER(iq4_xs, NULL, 128, groups_32, GROUPS_32)
DEFINE_SUPER(iq2_xxs, codes_iq2_xxs, 128, groups_32, GROUPS_32)
DEFINE_SUPER(iq3_xxs, codes_iq3_xxs, 128, groups_32, GROUPS_32)
DEFINE_SUPER(iq2_xs, codes_iq2_xs, 128, groups_16, GROUPS_16)
DEFINE_SUPER(iq2_s, codes_iq2_s, 128, groups_16, GROUPS_16)

#include "backend/cpu/kernels/x86/panel_supers_table.h"
