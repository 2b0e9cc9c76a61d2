/* The byte alphabet of GPT-2: every byte is written as one visible character, so that a token is
 * text whatever its bytes are. Visible Latin-1 bytes stand for themselves; the other 68, in order,
 * for U+0100 onwards. */
#pragma once

#include <stdint.h>

static inline uint32_t alphabet_code(uint8_t byte)
{
    if (byte <= 0x20) return 0x100u + byte;
    if (byte >= 0x7F && byte <= 0xA0) return 0x121u + (byte - 0x7Fu);
    if (byte == 0xAD) return 0x143;
    return byte;
}

/* -1 if the character stands for no byte. */
static inline int alphabet_byte(uint32_t code)
{
    if (code >= 0x100 && code <= 0x120) return (int)(code - 0x100);
    if (code >= 0x121 && code <= 0x142) return (int)(code - 0x121 + 0x7F);
    if (code == 0x143) return 0xAD;
    if (code > 0xFF || alphabet_code((uint8_t)code) != code) return -1;
    return (int)code;
}
