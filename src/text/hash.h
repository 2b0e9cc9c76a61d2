/* Hashing for tables that live as long as a vocabulary. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The finaliser of MurmurHash3 (Appleby): every bit of the input moves every bit of the result. */
static inline uint64_t hash_mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

static inline uint64_t hash_bytes(const char *data, size_t n_bytes)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ n_bytes;
    for (; n_bytes >= 8; data += 8, n_bytes -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        hash = (hash ^ word) * 0x9fb21c651e98df25u;
        hash ^= hash >> 29;
    }
    uint64_t word = 0;
    for (size_t i = 0; i < n_bytes; i++) word = word << 8 | (uint8_t)data[i];
    return hash_mix(hash ^ word);
}

/* A power of two at least twice `n_items`, so that a search is short and always ends. */
static inline uint32_t hash_slots(uint32_t n_items)
{
    uint32_t n_slots = 16;
    while (n_slots / 2 < n_items) n_slots *= 2;
    return n_slots;
}
