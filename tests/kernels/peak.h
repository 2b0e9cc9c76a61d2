/* What the machine can do at most, measured by code that does nothing else. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reads n_bytes, a multiple of 4096, as fast as one thread can. */
uint64_t peak_read(const void *memory, size_t n_bytes);

/* Multiply-adds of floats, or of bytes summed in 32 bits; both return how many they have done. */
double peak_float(int n_rounds);
double peak_byte(int n_rounds);
