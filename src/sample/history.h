/* The last tokens of a conversation, newest first: what penalties and DRY look back on. */
#pragma once

#include <stdint.h>

struct history {
    int32_t *tokens; /* [capacity], a ring */
    int capacity, n_tokens;
    int next; /* where the next token goes */
};

/* The token accepted `age` tokens ago; 0 is the newest, below n_tokens. */
static inline int32_t history_back(const struct history *history, int age)
{
    int at = history->next - 1 - age;
    return history->tokens[at < 0 ? at + history->capacity : at];
}

static inline void history_add(struct history *history, int32_t token)
{
    if (history->capacity == 0) return;
    history->tokens[history->next] = token;
    history->next = history->next + 1 == history->capacity ? 0 : history->next + 1;
    if (history->n_tokens < history->capacity) history->n_tokens++;
}

static inline void history_clear(struct history *history)
{
    history->n_tokens = 0;
    history->next = 0;
}
