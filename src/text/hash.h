/* Hashing with a secret key, for tables whose entries come from files: who writes a file cannot
 * know which of them fall into one slot. The function is SipHash-1-3 (Aumasson and Bernstein),
 * which holds against choosing keys and costs little for the short texts that tokens are. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/secret.h"

struct hash_key {
    uint64_t words[2];
};

struct hash_state {
    uint64_t v[4];
};

static inline struct hash_key hash_key_create(void)
{
    return (struct hash_key){{secret_bits(), secret_bits()}};
}

static inline uint64_t hash_rotate(uint64_t x, int n_bits)
{
    return x << n_bits | x >> (64 - n_bits);
}

static inline void hash_round(struct hash_state *state)
{
    uint64_t *v = state->v;
    v[0] += v[1];
    v[2] += v[3];
    v[1] = hash_rotate(v[1], 13) ^ v[0];
    v[3] = hash_rotate(v[3], 16) ^ v[2];
    v[0] = hash_rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = hash_rotate(v[1], 17) ^ v[2];
    v[3] = hash_rotate(v[3], 21) ^ v[0];
    v[2] = hash_rotate(v[2], 32);
}

static inline struct hash_state hash_begin(const struct hash_key *key)
{
    return (struct hash_state){{
        key->words[0] ^ 0x736f6d6570736575u,
        key->words[1] ^ 0x646f72616e646f6du,
        key->words[0] ^ 0x6c7967656e657261u,
        key->words[1] ^ 0x7465646279746573u,
    }};
}

static inline void hash_add(struct hash_state *state, uint64_t word)
{
    state->v[3] ^= word;
    hash_round(state);
    state->v[0] ^= word;
}

static inline uint64_t hash_end(struct hash_state *state)
{
    state->v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++) hash_round(state);
    return state->v[0] ^ state->v[1] ^ state->v[2] ^ state->v[3];
}

static inline uint64_t hash_word(const struct hash_key *key, uint64_t word)
{
    struct hash_state state = hash_begin(key);
    hash_add(&state, word);
    hash_add(&state, (uint64_t)sizeof word << 56);
    return hash_end(&state);
}

static inline uint64_t hash_bytes(const struct hash_key *key, const char *data, size_t n_bytes)
{
    struct hash_state state = hash_begin(key);
    uint64_t last = (uint64_t)n_bytes << 56;
    for (; n_bytes >= 8; data += 8, n_bytes -= 8) {
        uint64_t word = 0;
        for (int i = 0; i < 8; i++) word |= (uint64_t)(uint8_t)data[i] << (8 * i);
        hash_add(&state, word);
    }
    for (size_t i = 0; i < n_bytes; i++) last |= (uint64_t)(uint8_t)data[i] << (8 * i);
    hash_add(&state, last);
    return hash_end(&state);
}

/* A power of two at least twice `n_items`, so that a search is short and always ends. */
static inline uint32_t hash_slots(uint32_t n_items)
{
    uint32_t n_slots = 16;
    while (n_slots / 2 < n_items) n_slots *= 2;
    return n_slots;
}
