#include "backend/cpu/kernels/x86/lanes_avxvnni.h"
#include "backend/cpu/kernels/x86/peaks_x86.h"

/* Two units with five cycles of latency need ten sums in flight. */
double peak_int8_avxvnni(int64_t n_rounds, void *sink)
{
    enum { CHAINS = 12 };
    ints sums[CHAINS], w = set_ints(0x03030303), x = set_ints(-1);
    UNROLL
    for (int j = 0; j < CHAINS; j++) sums[j] = set_ints(j);
    for (int64_t i = 0; i < n_rounds; i++) {
        UNROLL
        for (int j = 0; j < CHAINS; j++) sums[j] = add_products_of_bytes(sums[j], w, x);
    }
    UNROLL
    for (int j = 0; j < CHAINS; j++) memcpy((char *)sink + j * 4 * LANES, &sums[j], sizeof sums[j]);
    return 2.0 * 4 * LANES * CHAINS * (double)n_rounds;
}
