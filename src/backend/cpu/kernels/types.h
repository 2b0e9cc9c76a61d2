/* Every type that runs. */
#pragma once

/* clang-format off */
#define FOR_EACH_TYPE(DO)                                                                          \
    DO(F32) DO(F16) DO(BF16) DO(Q4_0) DO(Q4_1) DO(Q5_0) DO(Q5_1) DO(Q8_0) DO(Q2_K) DO(Q3_K)        \
    DO(Q4_K) DO(Q5_K) DO(Q6_K) DO(IQ2_XXS) DO(IQ2_XS) DO(IQ2_S) DO(IQ3_XXS) DO(IQ3_S) DO(IQ1_S)    \
    DO(IQ1_M) DO(IQ4_NL) DO(IQ4_XS) DO(TQ1_0) DO(TQ2_0) DO(MXFP4) DO(NVFP4)
/* clang-format on */
