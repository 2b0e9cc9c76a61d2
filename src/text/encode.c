#include "text/encode.h"

#include <limits.h>

#include "text/normalize.h"
#include "text/shield.h"
#include "text/words.h"

struct encoder {
    const struct tokenizer *tokenizer;
    int32_t *tokens;
    size_t n, cap;
    struct slice text; /* the fragment between special tokens that is being encoded */
    struct merger merger;
    struct words words;
    struct word *word; /* remembers the tokens that are put out; NULL: not now */
    bool shielded;
    struct buffer bare;      /* the fragment without shields */
    struct buffer rewritten; /* the fragment with marks for spaces, or normalised */
};

static bool encode_text(struct encoder *encoder, struct slice text, bool control);
static bool encode_fragment(struct encoder *encoder, struct slice fragment);
static bool encode_bpe(struct encoder *encoder);
static bool encode_spm(struct encoder *encoder);
static bool encode_spm_words(struct encoder *encoder, struct slice rest);
static pretokenizer_word take_word;
static bool encode_word(struct encoder *encoder, struct slice word);
static void put_merged(struct encoder *encoder, struct slice word);
static void put_untokened(struct encoder *encoder, struct slice bytes);
static void put(struct encoder *encoder, int32_t token);

int encode(const struct tokenizer *tokenizer, struct slice text, int flags, int32_t *tokens,
           int cap)
{
    struct encoder encoder = {
        .tokenizer = tokenizer,
        .tokens = tokens,
        .cap = cap > 0 ? (size_t)cap : 0,
        .shielded = flags & ENCODE_SHIELDED,
    };
    words_open(&encoder.words, &tokenizer->tokens.key, text.n_bytes);
    if (flags & (HEFT_ADD_SPECIAL | HEFT_ADD_BOS) && tokenizer->add_bos)
        put(&encoder, tokenizer->bos);
    bool done = encode_text(&encoder, text, flags & HEFT_PARSE_SPECIAL);
    if (flags & HEFT_ADD_SPECIAL && tokenizer->add_eos) put(&encoder, tokenizer->eos);
    words_close(&encoder.words);
    merger_free(&encoder.merger);
    buffer_free(&encoder.bare);
    buffer_free(&encoder.rewritten);
    return done && encoder.n <= INT_MAX ? (int)encoder.n : -1;
}

/* A fragment starts anew after a special token, as it does at the start of the text. The symbols of
 * SentencePiece are part of a fragment. */
static bool encode_text(struct encoder *encoder, struct slice text, bool control)
{
    const struct tokenizer *tokenizer = encoder->tokenizer;
    int kinds = control ? SPECIAL_ADDED | SPECIAL_CONTROL : SPECIAL_ADDED;
    for (size_t at = 0; at < text.n_bytes;) {
        struct special_match match =
            special_find(&tokenizer->special, &tokenizer->tokens, text, at, kinds);
        if (match.start > at &&
            !encode_fragment(encoder, (struct slice){text.data + at, match.start - at}))
            return false;
        if (match.token >= 0) put(encoder, match.token);
        at = match.start + match.n_bytes;
    }
    return true;
}

static bool encode_fragment(struct encoder *encoder, struct slice fragment)
{
    encoder->text = fragment;
    if (encoder->shielded) {
        buffer_clear(&encoder->bare);
        shield_lower(fragment, &encoder->bare);
        if (encoder->bare.failed) return false;
        encoder->text = (struct slice){encoder->bare.data, encoder->bare.n_bytes};
        if (encoder->text.n_bytes == 0) return true;
    }
    return encoder->tokenizer->kind == VOCAB_SPM ? encode_spm(encoder) : encode_bpe(encoder);
}

static bool encode_bpe(struct encoder *encoder)
{
    const struct pretokenizer *pretokenizer = encoder->tokenizer->pretokenizer;
    if (pretokenizer_composes(pretokenizer) && !normalize_is_plain(encoder->text)) {
        buffer_clear(&encoder->rewritten);
        normalize_append(encoder->text, &encoder->rewritten);
        if (encoder->rewritten.failed) return false;
        encoder->text = (struct slice){encoder->rewritten.data, encoder->rewritten.n_bytes};
    }
    return pretokenizer_split(pretokenizer, encoder->text.data, encoder->text.n_bytes, take_word,
                              encoder);
}

/* A symbol is whole before anything is merged, and nothing is merged with it. */
static bool encode_spm(struct encoder *encoder)
{
    const struct tokenizer *tokenizer = encoder->tokenizer;
    buffer_clear(&encoder->rewritten);
    spm_escape(&tokenizer->spm, encoder->text, tokenizer->add_space_prefix, &encoder->rewritten);
    if (encoder->rewritten.failed) return false;
    struct slice escaped = {encoder->rewritten.data, encoder->rewritten.n_bytes};
    for (size_t at = 0; at < escaped.n_bytes;) {
        struct special_match match =
            special_find(&tokenizer->special, &tokenizer->tokens, escaped, at, SPECIAL_SYMBOL);
        if (!encode_spm_words(encoder, (struct slice){escaped.data + at, match.start - at}))
            return false;
        if (match.token >= 0) put(encoder, match.token);
        at = match.start + match.n_bytes;
    }
    return true;
}

static bool encode_spm_words(struct encoder *encoder, struct slice rest)
{
    const struct spm *spm = &encoder->tokenizer->spm;
    while (rest.n_bytes) {
        struct slice word = {rest.data, spm_word_length(spm, rest)};
        if (!encode_word(encoder, word)) return false;
        rest.data += word.n_bytes;
        rest.n_bytes -= word.n_bytes;
    }
    return true;
}

static bool take_word(void *context, size_t start, size_t n_bytes)
{
    struct encoder *encoder = context;
    return encode_word(encoder, (struct slice){encoder->text.data + start, n_bytes});
}

static bool encode_word(struct encoder *encoder, struct slice word)
{
    const struct tokenizer *tokenizer = encoder->tokenizer;
    struct word *known = words_slot(&encoder->words, word);
    if (known && word_is(known, word)) {
        for (int i = 0; i < known->n_tokens; i++) put(encoder, known->tokens[i]);
        return true;
    }
    bool done = tokenizer->kind == VOCAB_SPM
                    ? spm_encode(&tokenizer->spm, &tokenizer->tokens, word, &encoder->merger)
                    : bpe_encode(&tokenizer->bpe, &tokenizer->tokens, word, &encoder->merger);
    if (!done) return false;
    if (known) word_begin(known, word);
    encoder->word = known;
    put_merged(encoder, word);
    encoder->word = NULL;
    return true;
}

static void put_merged(struct encoder *encoder, struct slice word)
{
    const struct merger *merger = &encoder->merger;
    for (int32_t i = merger->n_symbols ? 0 : -1; i >= 0; i = merger->symbols[i].next) {
        const struct symbol *symbol = &merger->symbols[i];
        if (symbol->id >= 0) {
            put(encoder, symbol->id);
        } else {
            size_t n_bytes = merger_end(merger, symbol) - symbol->start;
            put_untokened(encoder, (struct slice){word.data + symbol->start, n_bytes});
        }
    }
}

/* Bytes if the vocabulary has them, else one "unknown", else nothing. */
static void put_untokened(struct encoder *encoder, struct slice bytes)
{
    const struct tokenizer *tokenizer = encoder->tokenizer;
    const int32_t *byte_ids =
        tokenizer->kind == VOCAB_SPM ? tokenizer->spm.byte_ids : tokenizer->bpe.byte_ids;
    bool has_all = true;
    for (size_t i = 0; i < bytes.n_bytes; i++) has_all &= byte_ids[(uint8_t)bytes.data[i]] >= 0;
    if (!has_all) {
        if (tokenizer->unknown >= 0) put(encoder, tokenizer->unknown);
        return;
    }
    for (size_t i = 0; i < bytes.n_bytes; i++) put(encoder, byte_ids[(uint8_t)bytes.data[i]]);
}

static void put(struct encoder *encoder, int32_t token)
{
    if (encoder->n < encoder->cap) encoder->tokens[encoder->n] = token;
    encoder->n++;
    if (encoder->word && !word_add(encoder->word, token)) encoder->word = NULL;
}
