/* The most products of bytes without VNNI: sums stay in 16 bits for eight instructions, as small
 * weights allow, before one widens them. The file that includes this has included lanes_256.h or
 * lanes_512.h. */
#pragma once

#include "backend/cpu/kernels/x86/peaks_x86.h"

/* Six sums of each width, and what they are made of, fit 16 registers. */
ALWAYS_INLINE double peak_bytes(int64_t n_rounds, void *sink)
{
    enum { CHAINS = 6, ADDS = 8 };
    ints sums[CHAINS], pairs[CHAINS], ones = set_ints(0x00010001);
    ints w = set_ints(0x01010101), x = set_ints(-1);
    UNROLL
    for (int j = 0; j < CHAINS; j++) sums[j] = set_ints(j);
    for (int64_t i = 0; i < n_rounds; i++) {
        UNROLL
        for (int part = 0; part < ADDS; part++) {
            UNROLL
            for (int j = 0; j < CHAINS; j++) {
                ints products = pair_bytes(w = keep_order(w), x); /* computed each time */
                pairs[j] = part == 0 ? products : add_words(pairs[j], products);
            }
        }
        UNROLL
        for (int j = 0; j < CHAINS; j++) sums[j] = add_ints(sums[j], pair_words(pairs[j], ones));
    }
    UNROLL
    for (int j = 0; j < CHAINS; j++) memcpy((char *)sink + j * 4 * LANES, &sums[j], sizeof sums[j]);
    return 2.0 * 4 * LANES * CHAINS * ADDS * (double)n_rounds;
}
