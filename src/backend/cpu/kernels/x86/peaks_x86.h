#pragma once

#include "backend/cpu/kernels/peak_kernels.h"

uint64_t peak_read_avx2(const uint8_t *data, size_t n_bytes);
double peak_f32_avx2(int64_t n_rounds, void *sink);
double peak_int8_avx2(int64_t n_rounds, void *sink);

uint64_t peak_read_avx512(const uint8_t *data, size_t n_bytes);
double peak_f32_avx512(int64_t n_rounds, void *sink);

double peak_int8_avx512vnni(int64_t n_rounds, void *sink);

double peak_bf16_amx(int64_t n_rounds, void *sink);
