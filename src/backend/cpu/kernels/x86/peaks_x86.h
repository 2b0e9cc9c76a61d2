#pragma once

#include "backend/cpu/kernels/peak_kernels.h"

/* Of reading: streams a thread, and how many bytes ahead a line is asked for. */
enum { PEAK_STREAMS = 4, PEAK_AHEAD = 2048 };

uint64_t peak_read_avx2(const uint8_t *data, size_t n_bytes);
double peak_f32_avx2(int64_t n_rounds, void *sink);
double peak_int8_avx2(int64_t n_rounds, void *sink);

double peak_int8_avxvnni(int64_t n_rounds, void *sink);

uint64_t peak_read_avx512(const uint8_t *data, size_t n_bytes);
double peak_f32_avx512(int64_t n_rounds, void *sink);
double peak_int8_avx512(int64_t n_rounds, void *sink);

double peak_int8_avx512vnni(int64_t n_rounds, void *sink);

double peak_bf16_amx(int64_t n_rounds, void *sink);
