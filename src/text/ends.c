#include "text/ends.h"

#include <string.h>

static const char *const texts[] = {"<|eot_id|>",
                                    "<|eom_id|>",
                                    "<|im_end|>",
                                    "<|end|>",
                                    "<|return|>",
                                    "<|call|>",
                                    "<|calls|>",
                                    "<|flush|>",
                                    "<EOT>",
                                    "[EOT]",
                                    "<|EOT|>",
                                    "<|eot|>",
                                    "_<EOT>",
                                    "[EOS]",
                                    "<eos>",
                                    "[e~[",
                                    "<turn|>",
                                    "<end_of_turn>",
                                    "<end_of_utterance>",
                                    "<|END_OF_TURN_TOKEN|>",
                                    "<|endoftext|>",
                                    "<|end_of_text|>",
                                    "<\uFF5Cend\u2581of\u2581sentence\uFF5C>"};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static int32_t find(const struct tokens *tokens, const char *text);
static bool is_merged(const struct tokens *tokens, const struct vocab_source *source,
                      struct slice text);
static bool is_merge_to(struct slice merge, struct slice text);

void ends_correct_types(struct tokens *tokens, const struct vocab_source *source)
{
    for (int i = 0; i < N_TEXTS; i++) {
        int32_t id = find(tokens, texts[i]);
        if (id < 0 || tokens->items[id].type != TOKEN_NORMAL) continue;
        if (is_merged(tokens, source, slice_of(texts[i]))) continue;
        struct token *token = &tokens->items[id];
        token->type = TOKEN_CONTROL;
        token->piece = token->text;
        token->n_piece = token->n_text;
    }
}

/* The texts count only for tokens that plain text does not give. */
void ends_mark(struct tokens *tokens, const struct vocab_source *source)
{
    const int32_t ids[] = {source->eos, source->eot, source->eom};
    struct token *items = tokens->items;
    for (int i = 0; i < N_TEXTS; i++) {
        int32_t id = find(tokens, texts[i]);
        if (id >= 0 && (items[id].type == TOKEN_CONTROL || items[id].type == TOKEN_USER_DEFINED))
            items[id].is_end = true;
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] >= 0) items[ids[i]].is_end = true;
    /* Where a message and a turn end differently, <|end|> only ends a message, whatever a file
     * names as the end. */
    int32_t end = find(tokens, "<|end|>");
    bool has_turn_end = find(tokens, "<|return|>") >= 0 || find(tokens, "<|flush|>") >= 0;
    if (end >= 0 && has_turn_end) items[end].is_end = false;
}

static int32_t find(const struct tokens *tokens, const char *text)
{
    return tokens_find(tokens, text, strlen(text));
}

/* SentencePiece merges any two tokens that give a third; byte-pair encoding has a list. */
static bool is_merged(const struct tokens *tokens, const struct vocab_source *source,
                      struct slice text)
{
    for (int i = 0; source->kind == VOCAB_BPE && i < source->n_merges; i++)
        if (is_merge_to(source->merges[i], text)) return true;
    for (size_t n = 1; source->kind == VOCAB_SPM && n < text.n_bytes; n++)
        if (tokens_find(tokens, text.data, n) >= 0 &&
            tokens_find(tokens, text.data + n, text.n_bytes - n) >= 0)
            return true;
    return false;
}

/* None of the texts has a space in it, so that the one of the merge is where the texts part. */
static bool is_merge_to(struct slice merge, struct slice text)
{
    if (merge.n_bytes != text.n_bytes + 1) return false;
    const char *space = memchr(merge.data, ' ', merge.n_bytes);
    if (!space) return false;
    size_t n_left = (size_t)(space - merge.data);
    return memcmp(merge.data, text.data, n_left) == 0 &&
           memcmp(space + 1, text.data + n_left, text.n_bytes - n_left) == 0;
}
