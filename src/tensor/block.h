/* How the quantised types of GGUF files lie in memory, after the block definitions of ggml. A block
 * stands alone: its values are the only ones its scales apply to. Fields of type uint16_t called d,
 * m or dmin are binary16 (half.h). Bits are numbered from the lowest; "low, then high" means that
 * byte i holds value i in bits 0-3 and value i + (number of bytes) in bits 4-7.
 *
 * In the formulas, q is the unsigned number stored for a value and w the value. */
#pragma once

#include <assert.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "weights are used as they lie in the file");

enum {
    BLOCK_VALUES = 32,  /* of the plain types */
    SUPER_VALUES = 256, /* of the K, IQ and TQ types */
};

/* ---- blocks of 32 ---- */

/* w = d * (q - 8); qs: low, then high. */
struct block_q4_0 {
    uint16_t d;
    uint8_t qs[16];
};
static_assert(sizeof(struct block_q4_0) == 18, "layout");

/* w = d * q + m; qs: low, then high. */
struct block_q4_1 {
    uint16_t d, m;
    uint8_t qs[16];
};
static_assert(sizeof(struct block_q4_1) == 20, "layout");

/* w = d * (q - 16); qs: bits 0-3, low, then high; bit i of qh as a word is bit 4 of value i. */
struct block_q5_0 {
    uint16_t d;
    uint8_t qh[4];
    uint8_t qs[16];
};
static_assert(sizeof(struct block_q5_0) == 22, "layout");

/* w = d * q + m; qs and qh as in Q5_0. */
struct block_q5_1 {
    uint16_t d, m;
    uint8_t qh[4];
    uint8_t qs[16];
};
static_assert(sizeof(struct block_q5_1) == 24, "layout");

/* w = d * q. */
struct block_q8_0 {
    uint16_t d;
    int8_t qs[32];
};
static_assert(sizeof(struct block_q8_0) == 34, "layout");

/* w = d * codebook[q] (iq4_values in codebook.h); qs: low, then high. */
struct block_iq4_nl {
    uint16_t d;
    uint8_t qs[16];
};
static_assert(sizeof(struct block_iq4_nl) == 18, "layout");

/* OCP microscaling: w = 2^(e - 127) * E2M1(q); qs: low, then high. */
struct block_mxfp4 {
    uint8_t e;
    uint8_t qs[16];
};
static_assert(sizeof(struct block_mxfp4) == 17, "layout");

/* 64 values in 4 groups of 16: w = E4M3(d[group]) * E2M1(q). A group's 8 bytes: low, then high. */
struct block_nvfp4 {
    uint8_t d[4];
    uint8_t qs[4][8];
};
static_assert(sizeof(struct block_nvfp4) == 36, "layout");

/* ---- super-blocks of 256 ---- */

/* 16 groups of 16: w = d * scale * q - dmin * min; scales[group]: scale in bits 0-3, min in bits
 * 4-7. qs: byte i of half h holds values 128h + i, + 32, + 64, + 96 in its four pairs of bits. */
struct block_q2_k {
    uint8_t scales[16];
    uint8_t qs[2][32];
    uint16_t d, dmin;
};
static_assert(sizeof(struct block_q2_k) == 84, "layout");

/* 16 groups of 16: w = d * (scale - 32) * (q - 4). qs: bits 0-1 of q, as in Q2_K; bit j of
 * hmask[i]: bit 2 of value 32j + i. scales: see q3_k_scale. */
struct block_q3_k {
    uint8_t hmask[32];
    uint8_t qs[2][32];
    uint8_t scales[12];
    uint16_t d;
};
static_assert(sizeof(struct block_q3_k) == 110, "layout");

/* 8 groups of 32: w = d * scale * q - dmin * min. qs[j]: groups 2j and 2j + 1, low, then high.
 * scales: see q4_k_scale. */
struct block_q4_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qs[4][32];
};
static_assert(sizeof(struct block_q4_k) == 144, "layout");

/* As Q4_K; bit j of qh[i] is bit 4 of value i of group j. */
struct block_q5_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[4][32];
};
static_assert(sizeof(struct block_q5_k) == 176, "layout");

/* 16 groups of 16: w = d * scale * (q - 32). ql[h]: bits 0-3 of half h, low, then high; byte i of
 * qh[h] holds bits 4-5 of values 128h + i, + 32, + 64, + 96. */
struct block_q6_k {
    uint8_t ql[2][64];
    uint8_t qh[2][32];
    int8_t scales[16];
    uint16_t d;
};
static_assert(sizeof(struct block_q6_k) == 210, "layout");

/* 8 groups of 32: w = d * (scale - 32) * codebook[q] (iq4_values in codebook.h). Scale of group j:
 * bits 0-3 in nibble j of scales_l, bits 4-5 in pair j of scales_h. qs[j]: low, then high. */
struct block_iq4_xs {
    uint16_t d;
    uint16_t scales_h;
    uint8_t scales_l[4];
    uint8_t qs[8][16];
};
static_assert(sizeof(struct block_iq4_xs) == 136, "layout");

/* w = d * (q - 1), q in 0..2, written in base 3: five values a byte in qs (32 bytes for values
 * 0-159, then 16 for 160-239), four in qh. Value number k of a byte is digit k after the point of
 * byte / 256. */
struct block_tq1_0 {
    uint8_t qs[48];
    uint8_t qh[4];
    uint16_t d;
};
static_assert(sizeof(struct block_tq1_0) == 54, "layout");

/* w = d * (q - 1); qs as in Q2_K. */
struct block_tq2_0 {
    uint8_t qs[2][32];
    uint16_t d;
};
static_assert(sizeof(struct block_tq2_0) == 66, "layout");

/* The IQ types below store numbers of codebook rows: 8 (IQ1, IQ2) or 4 (IQ3) values at once. */

/* 8 groups of 32, 8 bytes each: four bytes are rows; the other four, as a little-endian word, hold
 * four 7-bit numbers of sign patterns and the scale in the top 4 bits.
 *
 * w = d * (scale + 0.5) / 4 * row * sign. */
struct block_iq2_xxs {
    uint16_t d;
    uint8_t qs[8][8];
};
static_assert(sizeof(struct block_iq2_xxs) == 66, "layout");

/* 32 groups of 8: row in bits 0-8, sign pattern in bits 9-15; a nibble of scales for two groups. */
struct block_iq2_xs {
    uint16_t d;
    uint16_t qs[32];
    uint8_t scales[8];
};
static_assert(sizeof(struct block_iq2_xs) == 74, "layout");

/* 32 groups of 8: bits 0-7 of the row in qs, bits 8-9 in pair g % 4 of qh[g / 4]; the signs
 * themselves. */
struct block_iq2_s {
    uint16_t d;
    uint8_t qs[32];
    uint8_t signs[32];
    uint8_t qh[8];
    uint8_t scales[8];
};
static_assert(sizeof(struct block_iq2_s) == 82, "layout");

/* 64 groups of 4: rows in qs; signs_scales: 8 little-endian words laid out as in IQ2_XXS.
 * w = d * (scale + 0.5) / 2 * row * sign. */
struct block_iq3_xxs {
    uint16_t d;
    uint8_t qs[64];
    uint8_t signs_scales[8][4];
};
static_assert(sizeof(struct block_iq3_xxs) == 98, "layout");

/* 64 groups of 4: bit 8 of the row in bit g % 8 of qh[g / 8]; a nibble of scales for 32 values.
 * w = d * (2 * scale + 1) * row * sign. */
struct block_iq3_s {
    uint16_t d;
    uint8_t qs[64];
    uint8_t qh[8];
    uint8_t signs[32];
    uint8_t scales[4];
};
static_assert(sizeof(struct block_iq3_s) == 110, "layout");

/* 32 groups of 8: bits 0-7 of the row in qs; qh, for four groups: four times bits 8-10 of the row,
 * then 3 bits of scale, then the sign of delta. w = d * (2 * scale + 1) * (row +- 1/8). */
struct block_iq1_s {
    uint16_t d;
    uint8_t qs[32];
    uint16_t qh[8];
};
static_assert(sizeof(struct block_iq1_s) == 50, "layout");

/* 32 groups of 8: nibble g of qh: bits 8-10 of the row and the sign of delta. scales, as four
 * words: four 3-bit scales for 16 values each, and a nibble of d, lowest first. */
struct block_iq1_m {
    uint8_t qs[32];
    uint8_t qh[16];
    uint8_t scales[8];
};
static_assert(sizeof(struct block_iq1_m) == 56, "layout");

/* ---- 6-bit scales ---- */

/* Scale and min of group j of a Q4_K or Q5_K super-block. Groups 0-3 have theirs in the low 6 bits
 * of bytes j and j + 4; of groups 4-7, bits 0-3 are in byte j + 4 and bits 4-5 on top of the first
 * eight. */
static inline void q4_k_scale(const uint8_t scales[12], int j, int *scale, int *min)
{
    if (j < 4) {
        *scale = scales[j] & 63;
        *min = scales[j + 4] & 63;
    } else {
        *scale = (scales[j + 4] & 15) | (scales[j - 4] >> 6) << 4;
        *min = scales[j + 4] >> 4 | (scales[j] >> 6) << 4;
    }
}

/* Scale of group j of a Q3_K super-block, -32..31: bits 0-3 in nibbles of bytes 0-7 (low, then
 * high), bits 4-5 in pairs of bytes 8-11. */
static inline int q3_k_scale(const uint8_t scales[12], int j)
{
    int low = scales[j % 8] >> 4 * (j / 8) & 15;
    int high = scales[8 + j % 4] >> 2 * (j / 4) & 3;
    return (low | high << 4) - 32;
}

/* The d of an IQ1_M super-block, a half. */
static inline uint16_t iq1_m_scale(const uint8_t scales[8])
{
    return (uint16_t)(scales[1] >> 4 | (scales[3] & 0xf0) | (scales[5] & 0xf0) << 4 |
                      (scales[7] & 0xf0) << 8);
}

/* ---- base 3 ---- */

/* Digit k of a byte: shift it in front of the point, modulo 256, and take what times 3 carries
 * over. */
static inline int ternary_digit(uint8_t byte, int k)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    uint8_t shifted = (uint8_t)(byte * powers[k]);
    return shifted * 3 >> 8;
}
