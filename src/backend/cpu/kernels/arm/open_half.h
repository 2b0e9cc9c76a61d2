/* A half as a float: every processor with NEON has an instruction for it. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/inline.h"

ALWAYS_INLINE float open_half(uint16_t half)
{
    __fp16 value;
    memcpy(&value, &half, sizeof value);
    return (float)value;
}
