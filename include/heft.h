/* heft: run large language models on one box.
 *
 * Three nouns: an engine is a model placed on this machine, a session is one timeline of tokens
 * with its key-value cache, a sampler turns logits into the next token. One thread drives an
 * engine; heft_engine_cancel is the only call allowed from another.
 *
 * Functions that can fail return a heft_status and, where `error` is not NULL, leave one sentence
 * for a person in it. Pointers given out are borrowed from the object that gives them, unless the
 * function is an `open` or a `create`. The library never prints and never exits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* the libraries export what follows and nothing else */

/* ---- errors ---- */

/* The values are the exit codes of the program. */
typedef enum heft_status {
    HEFT_OK = 0,
    HEFT_USAGE = 1,        /* an argument makes no sense */
    HEFT_DOES_NOT_FIT = 2, /* this machine has not got the memory */
    HEFT_BAD_FILE = 3,     /* a file is missing, unreadable, damaged or not supported */
    HEFT_NETWORK = 4,
    HEFT_INTERNAL = 5, /* our own limit or mistake */
    HEFT_CANCELLED = 6 /* heft_engine_cancel was called */
} heft_status;

typedef struct heft_error {
    heft_status status;
    char message[1024]; /* UTF-8, one sentence, no line break at the end */
} heft_error;

/* "0.1.0" */
const char *heft_version(void);

/* ---- engine ---- */

typedef struct heft_engine heft_engine;
typedef struct heft_session heft_session;
typedef struct heft_sampler heft_sampler;

typedef enum heft_kv_type {
    HEFT_KV_F16 = 0,
    HEFT_KV_Q8_0, /* 8.5 bits a value: half the memory */
    HEFT_KV_F32   /* for comparing numbers with a reference */
} heft_kv_type;

/* For n_ctx: as many tokens as fit the memory there is, up to the trained context. */
enum { HEFT_CONTEXT_AUTO = -1 };

typedef struct heft_options {
    const char *model; /* path of a GGUF file; any part of a split model opens all of it */
    int n_ctx;         /* tokens a session can hold; 0: the trained context, at most 4096; or
                        * HEFT_CONTEXT_AUTO */
    int n_sessions;    /* sessions that may exist at once; at least 1 */
    int n_batch;       /* rows computed together; 0: 512 */
    int n_threads;     /* 0: one for each core this process may use */
    heft_kv_type kv_type;
    bool vocab_only;   /* text functions only: no weights are asked for */
    bool ignore_limit; /* open even if the memory is not there */
    bool allow_holes;  /* open even if parts of the weights were never written: they are zeros */
} heft_options;

heft_options heft_options_default(void);

/* Every byte an engine asks for, before it is opened. */
typedef struct heft_memory {
    uint64_t weights;   /* mapped from the file, clean: the system can drop and re-read them */
    uint64_t kv;        /* n_sessions key-value caches of n_ctx tokens */
    uint64_t scratch;   /* activations, tables and the tokenizer */
    uint64_t available; /* what this machine can give now */
    int n_ctx;          /* the context that was summed */
    int n_ctx_most;     /* the largest that fits, up to the trained context; 0: none */
} heft_memory;

/* Reads headers only. HEFT_DOES_NOT_FIT is returned by heft_engine_open, not here. */
heft_status heft_engine_measure(const heft_options *options, heft_memory *out, heft_error *error);

heft_status heft_engine_open(const heft_options *options, heft_engine **out, heft_error *error);
void heft_engine_close(heft_engine *engine); /* closes its sessions too; NULL is fine */

/* Makes the step that is running, or else the next one, return HEFT_CANCELLED. Callable from any
 * thread and from a signal handler. The sessions keep the tokens whose chunk was finished. A cancel
 * that came when there was nothing left to stop is taken back by a step of no work. */
void heft_engine_cancel(heft_engine *engine);

typedef struct heft_info {
    const char *name;          /* general.name of the file, or "" */
    const char *architecture;  /* "llama", "deepseek2" */
    const char *description;   /* "deepseek2, 61 layers, 671.0B parameters, Q4_K" */
    const char *chat_template; /* Jinja source, or NULL */
    const char *dialect;       /* how answers mark thoughts and tool calls: "hermes", "none" */
    int n_vocab, n_ctx, n_ctx_train, n_layers, d_model, n_threads, n_batch;
    uint64_t n_parameters;
    uint64_t layer_parameters; /* of the layers, used to compute one token: active experts only */
    uint64_t head_parameters;  /* of the output head, used for tokens whose logits are wanted */
    uint64_t weight_bytes;
    uint64_t token_weight_bytes; /* weights read to compute one token: active experts only */
    uint64_t kv_token_bytes;     /* key-value cache of one token */
    heft_memory memory;          /* as it was summed when the engine was opened */
} heft_info;

void heft_engine_info(const heft_engine *engine, heft_info *out);

/* ---- text ---- */

enum {
    HEFT_ADD_SPECIAL = 1,   /* add bos (and eos) where the model wants them */
    HEFT_PARSE_SPECIAL = 2, /* text such as <|eot_id|> becomes the control token */
    HEFT_ADD_BOS = 4,       /* add bos alone: for a text that the model is to continue */
};

/* Writes at most `cap` ids and returns how many there are in all; negative on invalid flags.
 * Invalid UTF-8 is encoded byte by byte. */
int heft_encode(const heft_engine *engine, const char *text, size_t n_bytes, int flags,
                int32_t *tokens, int cap);

/* The bytes of one token, control tokens as "" unless `special`: writes at most `cap` bytes (no
 * NUL) and returns how many there are; 0 for ids outside the vocabulary. A piece may be half a
 * character. */
int heft_decode(const heft_engine *engine, int32_t token, bool special, char *text, int cap);

/* True for every token that ends a turn: eos, <|eot_id|>, <|im_end|> and their like. */
bool heft_is_end(const heft_engine *engine, int32_t token);

/* Joins pieces into whole characters: push a token, get the text that is complete so far. */
typedef struct heft_stream {
    char held[8]; /* the bytes of a character that is not finished */
    int n_held;
    bool started; /* set after the first token: SentencePiece vocabularies drop one leading space.
                   * Set it before the first where the text continues another, to keep the space */
} heft_stream;

/* Writes at most `cap` bytes and a NUL; `cap` of 1024 holds the pieces of every published
 * vocabulary, and a longer one is cut. Returns the number of bytes. A negative token flushes: what
 * is held comes out as U+FFFD. Zero-initialise the stream. */
int heft_stream_push(const heft_engine *engine, heft_stream *stream, int32_t token, char *text,
                     int cap);

/* As OpenAI's API has them: an answer may also have "reasoning_content" and "tool_calls" (arguments
 * as a string or an object) and no content, the result of a call "role": "tool" and "tool_call_id".
 * They are rewritten to what the template wants. */
typedef struct heft_chat {
    const char *messages_json; /* [{"role": "user", "content": "..."}, ...] */
    const char *tools_json;    /* array, or NULL */
    const char *extra_json;    /* object with more template variables, or NULL */
    bool add_generation_prompt;
} heft_chat;

/* Renders the model's chat template; *out is freed by the caller with heft_free. */
heft_status heft_chat_render(const heft_engine *engine, const heft_chat *chat, char **out,
                             heft_error *error);

/* Renders and encodes. Only what the template writes becomes control tokens: "<|eot_id|>" in a
 * message or a tool stays text. *tokens is freed by the caller with heft_free. */
heft_status heft_chat_encode(const heft_engine *engine, const heft_chat *chat, int32_t **tokens,
                             int *n_tokens, heft_error *error);
void heft_free(void *pointer);

/* ---- reading an answer ---- */

/* Sets thoughts and tool calls apart from the text of an answer, while it is being written. Models
 * mark them in many ways; a dialect is one of these (docs/dialects.md). */
typedef struct heft_reader heft_reader;

typedef struct heft_reading {
    const int32_t *prompt; /* the tokens that the answer follows: a template may begin a thought */
    int n_prompt;
    const char *tools_json; /* as in heft_chat; NULL: no tools were offered */
    const char *dialect;    /* NULL: the one of the model */
    bool continues;         /* the answer goes on with the text of the prompt, as without a chat
                             * template: it keeps a space that it begins with */
} heft_reading;

typedef enum heft_event_kind {
    HEFT_CONTENT = 0,    /* text for the user */
    HEFT_THOUGHT,        /* text of a thought */
    HEFT_CALL_BEGIN,     /* text: the name of the tool */
    HEFT_CALL_ARGUMENTS, /* text: the next piece of a JSON object */
    HEFT_CALL_END
} heft_event_kind;

typedef struct heft_event {
    heft_event_kind kind;
    const char *text; /* UTF-8 and never NULL; a text that goes on is cut between characters */
    size_t n_bytes;
    int call;          /* which tool call of the answer, from 0 */
    const char *id;    /* of a call: what the model calls it, or "" */
    bool is_malformed; /* content: begun as a tool call that is none; end of a call: the arguments
                        * are no whole object */
} heft_event;

heft_status heft_reader_create(const heft_engine *engine, const heft_reading *reading,
                               heft_reader **out, heft_error *error);
void heft_reader_free(heft_reader *reader);

/* Like heft_stream_push, with the control tokens that are marks of the dialect written out. */
int heft_reader_decode(heft_reader *reader, int32_t token, char *text, int cap);

/* False for tokens that are not written out: control tokens which are no marks of the dialect. */
bool heft_reader_shows(const heft_reader *reader, int32_t token);

/* Takes the text as decoded, or what a caller has left of it (stop texts); pieces may be cut
 * anywhere. Then take the events. No byte is lost but marks, and white space around them. */
heft_status heft_reader_push(heft_reader *reader, const char *text, size_t n_bytes,
                             heft_error *error);
heft_status heft_reader_finish(heft_reader *reader, heft_error *error);

/* False if there is none left; its texts are valid until the next push. */
bool heft_reader_next(heft_reader *reader, heft_event *event);

/* The names of all dialects; NULL beyond the last. */
const char *heft_dialect_name(int index);

/* ---- session and step ---- */

heft_status heft_session_create(heft_engine *engine, heft_session **out, heft_error *error);
void heft_session_free(heft_session *session);
int heft_session_length(const heft_session *session); /* tokens held */
const int32_t *heft_session_tokens(const heft_session *session);

/* Keeps the first `n_tokens` tokens and their cache. */
void heft_session_rewind(heft_session *session, int n_tokens);

/* How many leading tokens the session shares with `tokens`: rewind to it and feed the rest. */
int heft_session_common(const heft_session *session, const int32_t *tokens, int n_tokens);

typedef struct heft_work {
    heft_session *session; /* each session at most once in a step */
    const int32_t *tokens; /* appended to the session */
    int n_tokens;
    float *logits; /* NULL, or [n_logits, n_vocab]: those after each of the last n_logits tokens */
    int n_logits;
} heft_work;

/* Prefill, decode and batches are this one call: any number of tokens for any number of sessions.
 * Rows of all work items are computed together, n_batch at a time. Nothing is allocated. Fails with
 * HEFT_USAGE if a token is outside the vocabulary or a session is full, before anything changes,
 * and with HEFT_BAD_FILE if logits come out as NaN or infinite: the sentence says where.
 * HEFT_BAD_FILE it is, too, if the file was cut short or could not be read in the meantime;
 * sessions keep the tokens of chunks that were finished. The library notices by a handler of
 * SIGBUS, which passes on what is not in its own maps to the handler that was there before. */
heft_status heft_step(heft_engine *engine, const heft_work *work, int n_work, heft_error *error);

/* ---- sampler ---- */

typedef struct heft_logit_bias {
    int32_t token;
    float bias; /* added to the logit; -INFINITY forbids the token */
} heft_logit_bias;

/* Applied in this order: bias, repeat/presence/frequency penalties, DRY, top-k, typical, top-p,
 * min-p, XTC, temperature. A neutral value switches a stage off. */
typedef struct heft_sampling {
    uint64_t seed;           /* same seed, same logits: same tokens */
    float temperature;       /* 0: greedy */
    int top_k;               /* 0: off */
    float top_p;             /* 1: off */
    float min_p;             /* 0: off */
    float typical_p;         /* 1: off */
    float repeat_penalty;    /* 1: off; divides positive and multiplies negative logits */
    float presence_penalty;  /* 0: off */
    float frequency_penalty; /* 0: off */
    int penalty_last_n;      /* tokens looked back on; -1: all that are remembered */
    float dry_multiplier;    /* 0: off */
    float dry_base;          /* 1.75 */
    int dry_allowed_length;  /* 2 */
    int dry_last_n;          /* -1: all that are remembered */
    const char *const
        *dry_breakers; /* strings that end a repeated sequence; NULL: "\n" ":" "\"" "*" */
    int n_dry_breakers;
    float xtc_probability; /* 0: off */
    float xtc_threshold;   /* 0.1 */
    const heft_logit_bias *biases;
    int n_biases;
} heft_sampling;

heft_sampling heft_sampling_default(void); /* temperature 0.8, top-k 40, top-p 0.95, min-p 0.05 */

heft_status heft_sampler_create(const heft_engine *engine, const heft_sampling *sampling,
                                heft_sampler **out, heft_error *error);
void heft_sampler_free(heft_sampler *sampler);
void heft_sampler_reset(heft_sampler *sampler);                 /* as after create */
void heft_sampler_accept(heft_sampler *sampler, int32_t token); /* remembered for the penalties */

/* Picks a token from [n_vocab] logits, which it changes, and accepts it. */
int32_t heft_sampler_pick(heft_sampler *sampler, float *logits);

/* Natural logarithms of the probabilities of `logits` before sampling: the `n` best tokens, sorted,
 * into tokens[] and logprobs[]; returns log of the sum of exponentials. */
float heft_logprobs(const float *logits, int n_vocab, int n, int32_t *tokens, float *logprobs);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
