/* Text to tokens and back. A tokenizer is not changed by use: any number of threads may share it.
 */
#pragma once

#include "base/buffer.h"
#include "heft.h"
#include "text/vocab.h"

struct tokenizer;

/* Copies what it keeps of `source`. */
heft_status tokenizer_create(const struct vocab_source *source, struct tokenizer **out,
                             heft_error *error);
void tokenizer_free(struct tokenizer *tokenizer);

/* `flags`: those of heft_encode. Writes at most `cap` ids and returns how many
 * there are in all; negative for other flags or without memory. Without HEFT_PARSE_SPECIAL no text
 * whatever gives a control token. Decoding gives the text back, but for what the model does not see
 * either: accents that a vocabulary composes, and U+2581 and the first space of SentencePiece. */
int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t n_bytes, int flags,
                     int32_t *tokens, int cap);

/* For texts that go through a chat template: appends one so that its control tokens stay text when
 * the whole is encoded by tokenizer_encode_shielded, as if with HEFT_PARSE_SPECIAL. */
void tokenizer_shield(const struct tokenizer *tokenizer, struct slice text, struct buffer *out);
int tokenizer_encode_shielded(const struct tokenizer *tokenizer, struct slice text, int32_t *tokens,
                              int cap);

/* Writes at most `cap` bytes of a token, without a NUL, and returns how many it has; see
 * heft_decode. */
int tokenizer_decode(const struct tokenizer *tokenizer, int32_t token, bool special, char *text,
                     int cap);

/* The same without a copy: empty for control tokens (unless `special`) and ids outside. */
struct slice tokenizer_piece(const struct tokenizer *tokenizer, int32_t token, bool special);

/* Joins pieces into whole characters; see heft_stream_push. Returns the bytes written before the
 * NUL. */
int tokenizer_stream(const struct tokenizer *tokenizer, heft_stream *stream, int32_t token,
                     char *text, int cap);

/* The same for a text that stands for a token. */
int tokenizer_stream_piece(heft_stream *stream, struct slice piece, char *text, int cap);

int tokenizer_n_tokens(const struct tokenizer *tokenizer);
int32_t tokenizer_find(const struct tokenizer *tokenizer,
                       struct slice text);                               /* -1: no such token */
bool tokenizer_is_end(const struct tokenizer *tokenizer, int32_t token); /* of a turn */
enum token_type tokenizer_type(const struct tokenizer *tokenizer, int32_t token);
int32_t tokenizer_bos(const struct tokenizer *tokenizer); /* -1: none */
int32_t tokenizer_eos(const struct tokenizer *tokenizer);
bool tokenizer_adds_bos(const struct tokenizer *tokenizer); /* with HEFT_ADD_SPECIAL */
bool tokenizer_adds_eos(const struct tokenizer *tokenizer);
bool tokenizer_adds_space(const struct tokenizer *tokenizer); /* before the first word of a text */

/* Heap memory held, in bytes, compiled patterns aside. */
size_t tokenizer_bytes(const struct tokenizer *tokenizer);
