#include "text/special.h"

#include <stdlib.h>

#include "base/error.h"

/* Bounds the work for each byte of a text; real ones have at most some dozens of bytes. */
enum { MAX_SPECIAL_BYTES = 1024 };

static bool is_special(const struct token *token);
static bool add(struct special *special, struct slice text, int32_t id);
static int32_t add_node(struct special *special, int32_t *list, uint8_t byte);
static struct special_match longest_at(const struct special *special, const struct tokens *tokens,
                                       struct slice text, size_t start, int kinds);
static int kind_of(const struct token *token);

heft_status special_create(struct special *special, const struct tokens *tokens, heft_error *error)
{
    *special = (struct special){0};
    memset(special->first, 0xFF, sizeof special->first);
    for (int32_t id = 0; id < tokens->n; id++) {
        struct slice text = tokens_text(tokens, id);
        if (!is_special(&tokens->items[id]) || text.n_bytes == 0) continue;
        heft_status status = HEFT_OK;
        if (text.n_bytes > MAX_SPECIAL_BYTES)
            status = error_set(error, HEFT_BAD_FILE,
                               "the special token %d has %zu bytes; at most %d make sense", id,
                               text.n_bytes, MAX_SPECIAL_BYTES);
        else if (!add(special, text, id))
            status = error_set(error, HEFT_DOES_NOT_FIT, "no memory for the special tokens");
        if (status != HEFT_OK) {
            special_free(special);
            return status;
        }
    }
    return HEFT_OK;
}

void special_free(struct special *special)
{
    free(special->nodes);
    *special = (struct special){0};
}

struct special_match special_find(const struct special *special, const struct tokens *tokens,
                                  struct slice text, size_t from, int kinds)
{
    for (size_t i = from; special->n_nodes && i < text.n_bytes; i++) {
        if (special->first[(uint8_t)text.data[i]] < 0) continue;
        struct special_match match = longest_at(special, tokens, text, i, kinds);
        if (match.token >= 0) return match;
    }
    return (struct special_match){text.n_bytes, 0, -1};
}

size_t special_memory(const struct special *special)
{
    return (size_t)special->capacity * sizeof *special->nodes;
}

static bool is_special(const struct token *token)
{
    return token->type == TOKEN_CONTROL || token->type == TOKEN_USER_DEFINED ||
           token->type == TOKEN_UNKNOWN;
}

/* Of two tokens with one text the first counts. */
static bool add(struct special *special, struct slice text, int32_t id)
{
    int32_t node = add_node(special, &special->first[(uint8_t)text.data[0]], (uint8_t)text.data[0]);
    for (size_t i = 1; node >= 0 && i < text.n_bytes; i++) {
        /* The list head may move when the nodes grow: it is written back by index. */
        int32_t head = special->nodes[node].child;
        int32_t next = add_node(special, &head, (uint8_t)text.data[i]);
        special->nodes[node].child = head;
        node = next;
    }
    if (node >= 0 && special->nodes[node].token < 0) special->nodes[node].token = id;
    return node >= 0;
}

/* The node of `byte` in a list, made if it is not there; -1 without memory. */
static int32_t add_node(struct special *special, int32_t *list, uint8_t byte)
{
    for (int32_t i = *list; i >= 0; i = special->nodes[i].sibling)
        if (special->nodes[i].byte == byte) return i;
    if (special->n_nodes == special->capacity) {
        if (special->capacity > INT32_MAX / 4) return -1;
        int32_t capacity = special->capacity * 2 + 1024;
        struct special_node *nodes = realloc(special->nodes, (size_t)capacity * sizeof *nodes);
        if (!nodes) return -1;
        special->nodes = nodes;
        special->capacity = capacity;
    }
    special->nodes[special->n_nodes] = (struct special_node){-1, -1, *list, byte};
    return *list = special->n_nodes++;
}

static struct special_match longest_at(const struct special *special, const struct tokens *tokens,
                                       struct slice text, size_t start, int kinds)
{
    struct special_match match = {start, 0, -1};
    int32_t node = special->first[(uint8_t)text.data[start]];
    for (size_t i = start;;) {
        int32_t token = special->nodes[node].token;
        if (token >= 0 && kinds & kind_of(&tokens->items[token]))
            match = (struct special_match){start, i + 1 - start, token};
        if (++i == text.n_bytes) return match;
        node = special->nodes[node].child;
        while (node >= 0 && special->nodes[node].byte != (uint8_t)text.data[i])
            node = special->nodes[node].sibling;
        if (node < 0) return match;
    }
}

static int kind_of(const struct token *token)
{
    if (token->type != TOKEN_USER_DEFINED) return SPECIAL_CONTROL;
    return token->is_symbol ? SPECIAL_SYMBOL : SPECIAL_ADDED;
}
