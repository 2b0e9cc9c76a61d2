#include "text/bpe.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/alphabet.h"

/* In bytes: more than any published vocabulary has. */
enum { MAX_WHOLE_WORD = 1024, MAX_MERGE = 4096 };

static void find_byte_ids(struct bpe *bpe, const struct tokens *tokens);
static heft_status add_merge(struct bpe *bpe, const struct vocab_source *source,
                             const struct tokens *tokens, int index, heft_error *error);
static struct bpe_pair *find_slot(const struct bpe *bpe, int32_t left, int32_t right);
static uint32_t pair_rank(const void *vocabulary, struct symbol *left, const struct symbol *right,
                          uint32_t end);
static int32_t whole_word(const struct tokens *tokens, struct slice word);
static size_t write_code(uint32_t code, char *out);

heft_status bpe_create(struct bpe *bpe, const struct vocab_source *source,
                       const struct tokens *tokens, heft_error *error)
{
    *bpe = (struct bpe){.key = tokens->key, .ignore_merges = source->ignore_merges};
    if (source->n_merges < 0 || source->n_merges > INT32_MAX / 4)
        return error_set(error, HEFT_BAD_FILE, "the vocabulary has %d merges, which makes no sense",
                         source->n_merges);
    uint32_t n_slots = hash_slots((uint32_t)source->n_merges);
    bpe->mask = n_slots - 1;
    bpe->pairs = malloc(n_slots * sizeof *bpe->pairs);
    if (!bpe->pairs)
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for %d merges", source->n_merges);
    memset(bpe->pairs, 0xFF, n_slots * sizeof *bpe->pairs); /* every rank is MERGE_NONE */
    find_byte_ids(bpe, tokens);
    for (int i = 0; i < source->n_merges; i++) {
        heft_status status = add_merge(bpe, source, tokens, i, error);
        if (status != HEFT_OK) {
            bpe_free(bpe);
            return status;
        }
    }
    return HEFT_OK;
}

void bpe_free(struct bpe *bpe)
{
    free(bpe->pairs);
    *bpe = (struct bpe){0};
}

bool bpe_encode(const struct bpe *bpe, const struct tokens *tokens, struct slice word,
                struct merger *merger)
{
    if (word.n_bytes > INT32_MAX || !merger_begin(merger, word.n_bytes)) return false;
    int32_t whole = bpe->ignore_merges ? whole_word(tokens, word) : -1;
    if (whole >= 0) {
        merger_add(merger, 0, whole);
    } else {
        for (size_t i = 0; i < word.n_bytes; i++)
            merger_add(merger, (uint32_t)i, bpe->byte_ids[(uint8_t)word.data[i]]);
    }
    merger_run(merger, (uint32_t)word.n_bytes, pair_rank, bpe);
    return true;
}

size_t bpe_memory(const struct bpe *bpe)
{
    return bpe->pairs ? ((size_t)bpe->mask + 1) * sizeof *bpe->pairs : 0;
}

/* Some vocabularies lack bytes that no UTF-8 text has, and have the letter of the alphabet as an
 * added token instead. It is the nearest thing to the byte that there is. */
static void find_byte_ids(struct bpe *bpe, const struct tokens *tokens)
{
    for (int byte = 0; byte < 256; byte++) {
        char letter[4];
        int32_t id = tokens_find(tokens, letter, write_code(alphabet_code((uint8_t)byte), letter));
        bool usable = id >= 0 && (tokens->items[id].type == TOKEN_NORMAL ||
                                  tokens->items[id].type == TOKEN_USER_DEFINED);
        bpe->byte_ids[byte] = usable ? id : -1;
    }
}

/* A merge from or to something that is no token could never be seen in a result, and one to a
 * control token would let plain text forge it: both are left out. */
static heft_status add_merge(struct bpe *bpe, const struct vocab_source *source,
                             const struct tokens *tokens, int index, heft_error *error)
{
    struct slice merge = source->merges[index];
    /* The space between the two is the first one that is not itself the left part. */
    const char *space = merge.n_bytes > 1 ? memchr(merge.data + 1, ' ', merge.n_bytes - 1) : NULL;
    if (!space || space + 1 == merge.data + merge.n_bytes)
        return error_set(error, HEFT_BAD_FILE, "merge %d is not two tokens with a space between",
                         index);
    size_t n_left = (size_t)(space - merge.data), n_right = merge.n_bytes - n_left - 1;
    char joined[MAX_MERGE];
    if (n_left + n_right > sizeof joined)
        return error_set(error, HEFT_BAD_FILE, "merge %d has %zu bytes; at most %d make sense",
                         index, merge.n_bytes, MAX_MERGE);
    memcpy(joined, merge.data, n_left);
    memcpy(joined + n_left, space + 1, n_right);
    int32_t left = tokens_find(tokens, merge.data, n_left);
    int32_t right = tokens_find(tokens, space + 1, n_right);
    int32_t merged = tokens_find(tokens, joined, n_left + n_right);
    if (left < 0 || right < 0 || merged < 0) return HEFT_OK;
    uint8_t type = tokens->items[merged].type;
    if (type == TOKEN_CONTROL || type == TOKEN_UNKNOWN) return HEFT_OK;
    struct bpe_pair *slot = find_slot(bpe, left, right);
    if (slot->rank == MERGE_NONE) *slot = (struct bpe_pair){left, right, merged, (uint32_t)index};
    return HEFT_OK;
}

/* The slot of this pair, or the empty one where it belongs. */
static struct bpe_pair *find_slot(const struct bpe *bpe, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint32_t slot = (uint32_t)hash_word(&bpe->key, key) & bpe->mask;
    for (;; slot = (slot + 1) & bpe->mask) {
        struct bpe_pair *pair = &bpe->pairs[slot];
        if (pair->rank == MERGE_NONE || (pair->left == left && pair->right == right)) return pair;
    }
}

static uint32_t pair_rank(const void *vocabulary, struct symbol *left, const struct symbol *right,
                          uint32_t end)
{
    (void)end;
    if (left->id < 0 || right->id < 0) return MERGE_NONE;
    const struct bpe_pair *pair = find_slot(vocabulary, left->id, right->id);
    left->merged = pair->merged;
    return pair->rank;
}

static int32_t whole_word(const struct tokens *tokens, struct slice word)
{
    char text[2 * MAX_WHOLE_WORD];
    size_t n = 0;
    if (word.n_bytes > MAX_WHOLE_WORD) return -1;
    for (size_t i = 0; i < word.n_bytes; i++)
        n += write_code(alphabet_code((uint8_t)word.data[i]), text + n);
    int32_t id = tokens_find(tokens, text, n);
    return id >= 0 && tokens->items[id].type == TOKEN_NORMAL ? id : -1;
}

/* UTF-8 of a code point below U+0800. */
static size_t write_code(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
}
