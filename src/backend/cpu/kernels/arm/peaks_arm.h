#pragma once

#include "backend/cpu/kernels/peak_kernels.h"

uint64_t peak_read_neon(const uint8_t *data, size_t n_bytes);
double peak_f32_neon(int64_t n_rounds, void *sink);
double peak_int8_neon(int64_t n_rounds, void *sink);

double peak_int8_dotprod(int64_t n_rounds, void *sink);
double peak_int8_i8mm(int64_t n_rounds, void *sink);
