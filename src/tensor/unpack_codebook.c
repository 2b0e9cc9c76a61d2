/* Types whose stored numbers are looked up, or are written in base 3. */
#include "tensor/unpack.h"

#include <string.h>

#include "tensor/block.h"
#include "tensor/codebook.h"

const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                               1,    13,   25,  38,  53,  69,  89,  113};
const int8_t e2m1_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static void look_up(const uint8_t *qs, int n_bytes, const int8_t values[16], float d, float *y);
static void put_iq2_row(uint64_t row, uint8_t signs, float d, float *y);
static void put_iq1_row(uint64_t row, float d, float delta, float *y);
static uint32_t word_of(const uint8_t bytes[4]);

void unpack_iq4_nl(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq4_nl *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 32)
        look_up(block->qs, 16, iq4_values, f16_to_f32(block->d), y);
}

void unpack_mxfp4(const void *source, float *y, int64_t n_blocks)
{
    const struct block_mxfp4 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 32)
        look_up(block->qs, 16, e2m1_values, mxfp4_scale(block->e), y);
}

void unpack_nvfp4(const void *source, float *y, int64_t n_blocks)
{
    const struct block_nvfp4 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 64)
        for (int j = 0; j < 4; j++)
            look_up(block->qs[j], 8, e2m1_values, nvfp4_scale(block->d[j]), y + 16 * j);
}

void unpack_iq4_xs(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq4_xs *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int j = 0; j < 8; j++) {
            int low = block->scales_l[j / 2] >> 4 * (j % 2) & 15;
            int high = block->scales_h >> 2 * j & 3;
            look_up(block->qs[j], 16, iq4_values, d * (float)((low | high << 4) - 32), y + 32 * j);
        }
    }
}

void unpack_tq1_0(const void *source, float *y, int64_t n_blocks)
{
    const struct block_tq1_0 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 160; i++)
            y[i] = d * (float)(ternary_digit(block->qs[i % 32], i / 32) - 1);
        for (int i = 0; i < 80; i++)
            y[160 + i] = d * (float)(ternary_digit(block->qs[32 + i % 16], i / 16) - 1);
        for (int i = 0; i < 16; i++)
            y[240 + i] = d * (float)(ternary_digit(block->qh[i % 4], i / 4) - 1);
    }
}

void unpack_tq2_0(const void *source, float *y, int64_t n_blocks)
{
    const struct block_tq2_0 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 256; i++) {
            int q = block->qs[i / 128][i % 32] >> 2 * (i / 32 % 4) & 3;
            y[i] = d * (float)(q - 1);
        }
    }
}

void unpack_iq2_xxs(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq2_xxs *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int g = 0; g < 32; g++) {
            const uint8_t *group = block->qs[g / 4];
            uint32_t word = word_of(group + 4);
            float scale = d * (0.5f + (float)(word >> 28)) * 0.25f;
            uint8_t signs = even_signs(word >> 7 * (g % 4) & 127);
            put_iq2_row(iq2_xxs_rows[group[g % 4]], signs, scale, y + 8 * g);
        }
    }
}

void unpack_iq2_xs(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq2_xs *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int g = 0; g < 32; g++) {
            int q = block->scales[g / 4] >> 4 * (g / 2 % 2) & 15;
            float scale = d * (0.5f + (float)q) * 0.25f;
            uint16_t code = block->qs[g];
            put_iq2_row(iq2_xs_rows[code & 511], even_signs(code >> 9), scale, y + 8 * g);
        }
    }
}

void unpack_iq2_s(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq2_s *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int g = 0; g < 32; g++) {
            int q = block->scales[g / 4] >> 4 * (g / 2 % 2) & 15;
            float scale = d * (0.5f + (float)q) * 0.25f;
            int row = block->qs[g] | (block->qh[g / 4] >> 2 * (g % 4) & 3) << 8;
            put_iq2_row(iq2_s_rows[row], block->signs[g], scale, y + 8 * g);
        }
    }
}

void unpack_iq3_xxs(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq3_xxs *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 256; i++) {
            uint32_t word = word_of(block->signs_scales[i / 32]);
            float scale = d * (0.5f + (float)(word >> 28)) * 0.5f;
            uint8_t signs = even_signs(word >> 7 * (i / 8 % 4) & 127);
            float value = scale * (float)(iq3_xxs_rows[block->qs[i / 4]] >> 8 * (i % 4) & 255);
            y[i] = signs >> i % 8 & 1 ? -value : value;
        }
    }
}

void unpack_iq3_s(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq3_s *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 256; i++) {
            int scale = block->scales[i / 64] >> 4 * (i / 32 % 2) & 15;
            int row = block->qs[i / 4] | (block->qh[i / 32] >> i / 4 % 8 & 1) << 8;
            float value =
                d * (float)(2 * scale + 1) * (float)(iq3_s_rows[row] >> 8 * (i % 4) & 255);
            y[i] = block->signs[i / 8] >> i % 8 & 1 ? -value : value;
        }
    }
}

void unpack_iq1_s(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq1_s *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int g = 0; g < 32; g++) {
            int high = block->qh[g / 4];
            int row = block->qs[g] | (high >> 3 * (g % 4) & 7) << 8;
            float scale = d * (float)(2 * (high >> 12 & 7) + 1);
            put_iq1_row(iq1_s_rows[row], scale, high & 0x8000 ? -0.125f : 0.125f, y + 8 * g);
        }
    }
}

void unpack_iq1_m(const void *source, float *y, int64_t n_blocks)
{
    const struct block_iq1_m *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        uint16_t words[4];
        memcpy(words, block->scales, sizeof words);
        float d = f16_to_f32(iq1_m_scale(block->scales));
        for (int g = 0; g < 32; g++) {
            int high = block->qh[g / 2] >> 4 * (g % 2) & 15;
            int row = block->qs[g] | (high & 7) << 8;
            float scale = d * (float)(2 * (words[g / 8] >> 3 * (g / 2 % 4) & 7) + 1);
            put_iq1_row(iq1_s_rows[row], scale, high & 8 ? -0.125f : 0.125f, y + 8 * g);
        }
    }
}

/* Two numbers a byte: all low ones, then all high ones. */
static void look_up(const uint8_t *qs, int n_bytes, const int8_t values[16], float d, float *y)
{
    for (int i = 0; i < n_bytes; i++) {
        y[i] = d * (float)values[qs[i] & 15];
        y[i + n_bytes] = d * (float)values[qs[i] >> 4];
    }
}

static void put_iq2_row(uint64_t row, uint8_t signs, float d, float *y)
{
    for (int i = 0; i < 8; i++) {
        float value = d * (float)(row >> 8 * i & 255);
        y[i] = signs >> i & 1 ? -value : value;
    }
}

static void put_iq1_row(uint64_t row, float d, float delta, float *y)
{
    for (int i = 0; i < 8; i++) y[i] = d * (((float)(row >> 8 * i & 255) - 8) / 8 + delta);
}

static uint32_t word_of(const uint8_t bytes[4])
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}
