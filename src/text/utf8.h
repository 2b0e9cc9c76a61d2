/* One UTF-8 character at a time, strict: no overlong forms, no surrogates, nothing past U+10FFFF.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Positive: the bytes of the character at `text`. 0: `text` ends inside a character (or is empty).
 * Negative: that many bytes can never become a character; U+FFFD stands for all of them. */
static inline int utf8_next(const char *text, size_t n_bytes)
{
    const uint8_t *s = (const uint8_t *)text;
    if (n_bytes == 0) return 0;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return -1;
    int length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    /* Only the second byte has a range of its own. */
    uint8_t low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    uint8_t high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    for (int i = 1; i < length; i++) {
        if ((size_t)i == n_bytes) return 0;
        if (s[i] < low || s[i] > high) return -i;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

/* The code point of a character that utf8_next found to be `length` bytes long. */
static inline uint32_t utf8_code(const char *text, int length)
{
    const uint8_t *s = (const uint8_t *)text;
    if (length == 1) return s[0];
    uint32_t code = s[0] & (0xFFu >> (length + 1));
    for (int i = 1; i < length; i++) code = code << 6 | (s[i] & 0x3Fu);
    return code;
}
