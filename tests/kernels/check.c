#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/half.h"

static void set_scales(struct check *check, enum dtype dtype, uint8_t *block);

void check_that(struct check *check, bool holds, const char *format, ...)
{
    if (holds) {
        check->n_passed++;
        return;
    }
    if (check->n_failed++ > 50) return;
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

int check_int(struct check *check, int low, int high)
{
    return low + (int)(rng_next(&check->rng) % (uint64_t)(high - low + 1));
}

float check_float(struct check *check)
{
    return (float)(2 * rng_uniform(&check->rng) - 1);
}

void *check_alloc(size_t n_bytes)
{
    void *memory = aligned_alloc(64, (n_bytes + 127) / 64 * 64);
    if (!memory) abort();
    return memory;
}

/* Exactly as long as its contents, so that a sanitizer sees whoever reads beyond. */
struct weight weight_random(struct check *check, enum dtype dtype, int n_rows, int k)
{
    const struct dtype_info *info = dtype_info(dtype);
    size_t unit = info->block_bytes % 2 ? 1 : info->block_bytes % 4 ? 2 : 4;
    size_t odd = unit * (size_t)check_int(check, 0, 3);
    if (unit == 4 && dtype != DTYPE_F32) odd /= 2; /* blocks hold nothing wider than a half */
    size_t row_bytes = dtype_bytes(dtype, k),
           stride = row_bytes + unit * (size_t)check_int(check, 0, 1);
    size_t n_bytes = stride * (size_t)(n_rows - 1) + row_bytes;
    char *memory = malloc(odd + n_bytes);
    if (!memory) abort();
    for (size_t i = 0; i < odd + n_bytes; i++) memory[i] = (char)rng_next(&check->rng);
    for (int r = 0; r < n_rows; r++)
        for (size_t i = 0; i < row_bytes; i += (size_t)info->block_bytes)
            set_scales(check, dtype, (uint8_t *)memory + odd + stride * (size_t)r + i);
    return (struct weight){memory, memory + odd, stride, dtype, n_rows, k};
}

void weight_free(struct weight *weight)
{
    free(weight->memory);
}

/* Of all sizes that a half can have, now and then zero. */
static uint16_t random_half(struct check *check)
{
    static const float sizes[] = {1, 1, 1, 1, 0.01f, 0.01f, 1e-4f, 1e-7f, 3e4f, 0};
    return f32_to_f16(check_float(check) * sizes[check_int(check, 0, 9)]);
}

static void put_half(struct check *check, uint8_t *at)
{
    uint16_t half = random_half(check);
    memcpy(at, &half, sizeof half);
}

/* Random bits are numbers everywhere but in the scales, where they may be infinite. */
static void set_scales(struct check *check, enum dtype dtype, uint8_t *block)
{
    float value = check_float(check);
    uint16_t bf16 = f32_to_bf16(value);
    switch (dtype) {
    case DTYPE_F32:
        memcpy(block, &value, 4);
        break;
    case DTYPE_BF16:
        memcpy(block, &bf16, 2);
        break;
    case DTYPE_Q4_1:
    case DTYPE_Q5_1:
    case DTYPE_Q4_K:
    case DTYPE_Q5_K:
        put_half(check, block);
        put_half(check, block + 2);
        break;
    case DTYPE_Q2_K:
        put_half(check, block + 80);
        put_half(check, block + 82);
        break;
    case DTYPE_Q3_K:
        put_half(check, block + 108);
        break;
    case DTYPE_Q6_K:
        put_half(check, block + 208);
        break;
    case DTYPE_TQ1_0:
        put_half(check, block + 52);
        break;
    case DTYPE_TQ2_0:
        put_half(check, block + 64);
        break;
    case DTYPE_MXFP4:
        block[0] = (uint8_t)check_int(check, 100, 140);
        break;
    case DTYPE_NVFP4:
        for (int i = 0; i < 4; i++) block[i] = (uint8_t)check_int(check, 0, 126);
        break;
    case DTYPE_IQ1_M: /* the scale is in the top nibbles of four words; 0x3 in the last: below 1 */
        block[48 + 7] = (uint8_t)(0x30 | (block[48 + 7] & 15));
        break;
    default:
        put_half(check, block); /* the scale comes first */
    }
}
