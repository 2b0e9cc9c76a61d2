/* Random bits that nobody outside of the process can know or choose. */
#pragma once

#include <stdint.h>

/* From the system; from clock and addresses where it has none to give. */
uint64_t secret_bits(void);
