/* The rows of bytes of codebook.h, made of the numbers of codebook_numbers.h. */
#include "tensor/codebook.h"
#include "tensor/codebook_numbers.h"

/* Number i of a row goes to byte i. */
#define NUMBER_2(row, i) ((uint64_t)((row) >> 2 * (i)) & 3)
#define NUMBER_4(row, i) ((uint32_t)((row) >> 4 * (i)) & 15)
#define BYTES_8(VALUE, row)                                                                        \
    (VALUE(NUMBER_2(row, 0)) | VALUE(NUMBER_2(row, 1)) << 8 | VALUE(NUMBER_2(row, 2)) << 16 |      \
     VALUE(NUMBER_2(row, 3)) << 24 | VALUE(NUMBER_2(row, 4)) << 32 |                               \
     VALUE(NUMBER_2(row, 5)) << 40 | VALUE(NUMBER_2(row, 6)) << 48 |                               \
     VALUE(NUMBER_2(row, 7)) << 56)
#define BYTES_4(VALUE, row)                                                                        \
    (VALUE(NUMBER_4(row, 0)) | VALUE(NUMBER_4(row, 1)) << 8 | VALUE(NUMBER_4(row, 2)) << 16 |      \
     VALUE(NUMBER_4(row, 3)) << 24)

#define IQ2_VALUE(i)     ((i) == 0 ? UINT64_C(8) : (i) == 1 ? UINT64_C(25) : UINT64_C(43))
#define IQ3_XXS_VALUE(i) (8 * (i) + ((i) == 7 ? 6 : 4))
#define IQ3_S_VALUE(i)   (2 * (i) + 1)
#define IQ1_VALUE(i)     (8 * (i))
#define IQ2(row)         BYTES_8(IQ2_VALUE, row)
#define IQ1(row)         BYTES_8(IQ1_VALUE, row)
#define IQ3_XXS(row)     BYTES_4(IQ3_XXS_VALUE, row)
#define IQ3_S(row)       BYTES_4(IQ3_S_VALUE, row)

const uint64_t iq2_xxs_rows[256] = {IQ2_XXS_NUMBERS(IQ2)};
const uint64_t iq2_xs_rows[512] = {IQ2_XS_NUMBERS(IQ2)};
const uint64_t iq2_s_rows[1024] = {IQ2_S_NUMBERS(IQ2)};
const uint32_t iq3_xxs_rows[256] = {IQ3_XXS_NUMBERS(IQ3_XXS)};
const uint32_t iq3_s_rows[512] = {IQ3_S_NUMBERS(IQ3_S)};
const uint64_t iq1_s_rows[2048] = {IQ1_S_NUMBERS(IQ1)};
