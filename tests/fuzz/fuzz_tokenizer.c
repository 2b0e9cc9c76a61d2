/* The input is a vocabulary and a text: whatever they say, encoding, decoding and streaming must
 * stay within their bounds and agree with each other. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

enum { MAX_TOKENS = 600, MAX_MERGES = 64, MAX_TEXT = 4096 };

struct input {
    const uint8_t *data;
    size_t n_bytes;
};

struct vocab {
    struct vocab_source source;
    struct slice tokens[MAX_TOKENS], merges[MAX_MERGES];
    float scores[MAX_TOKENS];
    int32_t types[MAX_TOKENS];
    char letters[256][8];
};

static uint8_t take_byte(struct input *input)
{
    if (input->n_bytes == 0) return 0;
    input->n_bytes--;
    return *input->data++;
}

static struct slice take_slice(struct input *input)
{
    size_t n = take_byte(input);
    if (n > input->n_bytes) n = input->n_bytes;
    struct slice slice = {(const char *)input->data, n};
    input->data += n;
    input->n_bytes -= n;
    return slice;
}

static void add_token(struct vocab *vocab, struct slice text, int32_t type, float score)
{
    int id = vocab->source.n_tokens++;
    vocab->tokens[id] = text;
    vocab->types[id] = type;
    vocab->scores[id] = score;
}

/* Without the bytes most texts would give nothing. */
static void add_bytes(struct vocab *vocab)
{
    static const char digits[] = "0123456789ABCDEF";
    for (int byte = 0; byte < 256; byte++) {
        char *letter = vocab->letters[byte];
        if (vocab->source.kind == VOCAB_SPM) {
            memcpy(letter, "<0x00>", 6);
            letter[3] = digits[byte >> 4];
            letter[4] = digits[byte & 15];
            add_token(vocab, (struct slice){letter, 6}, TOKEN_BYTE, 0);
        } else if (byte > 0x20 && byte < 0x7F) {
            letter[0] = (char)byte;
            add_token(vocab, (struct slice){letter, 1}, TOKEN_NORMAL, 0);
        }
    }
}

static void read_vocab(struct vocab *vocab, struct input *input)
{
    static const char *const names[] = {
        NULL,          "gpt-2",  "llama-bpe", "deepseek-llm", "deepseek-coder", "tiny_aya",
        "deepseek-v3", "gpt-4o", "kimi-k2",   "exaone-moe",   "command-r",      "qwen2"};
    uint8_t flags = take_byte(input);
    vocab->source = (struct vocab_source){.kind = flags & 1 ? VOCAB_SPM : VOCAB_BPE,
                                          .pre = names[take_byte(input) % 12],
                                          .tokens = vocab->tokens,
                                          .scores = flags & 2 ? vocab->scores : NULL,
                                          .types = flags & 4 ? vocab->types : NULL,
                                          .merges = vocab->merges,
                                          .add_bos = flags & 8,
                                          .add_eos = flags & 8,
                                          .add_space_prefix = flags & 16,
                                          .remove_extra_whitespaces = flags & 32,
                                          .ignore_merges = flags & 64};
    if (flags & 128) add_bytes(vocab);
    for (int n = take_byte(input); n > 0; n--) {
        uint8_t kind = take_byte(input);
        struct slice text = take_slice(input);
        add_token(vocab, text, kind & 7, kind == 255 ? 0.0F / 0.0F : (float)(kind >> 3) - 16);
    }
    for (int n = take_byte(input) % MAX_MERGES; n > 0; n--)
        vocab->merges[vocab->source.n_merges++] = take_slice(input);
    int32_t *ids[] = {&vocab->source.bos, &vocab->source.eos,     &vocab->source.eot,
                      &vocab->source.eom, &vocab->source.unknown, &vocab->source.pad};
    for (int i = 0; i < 6; i++) *ids[i] = (int8_t)take_byte(input);
}

static void check(const struct tokenizer *tokenizer, const char *text, size_t n_bytes, int flags)
{
    static int32_t ids[8 * MAX_TEXT];
    int n = tokenizer_encode(tokenizer, text, n_bytes, flags, ids, 8 * MAX_TEXT);
    assert(n >= 0 && tokenizer_encode(tokenizer, text, n_bytes, flags, NULL, 0) == n);
    heft_stream stream = {0};
    for (int i = 0; i < n && i < 8 * MAX_TEXT; i++) {
        char piece[1024], out[3100];
        assert(ids[i] >= 0 && ids[i] < tokenizer_n_tokens(tokenizer));
        /* A control token only where it was asked for, or as the bos and eos. */
        assert(flags || tokenizer_type(tokenizer, ids[i]) != TOKEN_CONTROL);
        int n_piece = tokenizer_decode(tokenizer, ids[i], true, piece, sizeof piece);
        assert(n_piece >= 0 && n_piece <= 1024);
        int n_out = tokenizer_stream(tokenizer, &stream, ids[i], out, sizeof out);
        assert(n_out >= 0 && n_out < (int)sizeof out && out[n_out] == 0);
        assert(stream.n_held >= 0 && stream.n_held < 4);
    }
    char out[8];
    tokenizer_stream(tokenizer, &stream, -1, out, sizeof out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct input input = {data, n_bytes};
    struct vocab *vocab = calloc(1, sizeof *vocab);
    struct tokenizer *tokenizer;
    heft_error error = {0};
    if (!vocab) return 0;
    read_vocab(vocab, &input);
    heft_status status = tokenizer_create(&vocab->source, &tokenizer, &error);
    assert((status == HEFT_OK) == (tokenizer != NULL) && (status == HEFT_OK || error.message[0]));
    if (status == HEFT_OK) {
        /* A copy of exactly this size, so that reading past its end is seen. */
        size_t n_text = input.n_bytes < MAX_TEXT ? input.n_bytes : MAX_TEXT;
        char *text = malloc(n_text ? n_text : 1);
        if (text && n_text) memcpy(text, input.data, n_text);
        for (int flags = 0; text && flags < 4; flags++) check(tokenizer, text, n_text, flags);
        free(text);
        tokenizer_free(tokenizer);
    }
    free(vocab);
    return 0;
}
