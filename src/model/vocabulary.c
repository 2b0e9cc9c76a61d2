#include "model/vocabulary.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/pretype.h"

#define KEY(name) "tokenizer.ggml." name

struct reading {
    const struct gguf *file;
    struct vocab_source source;
    char pre[64];
    float *scores;
    int32_t *types;
    heft_error *error;
};

static heft_status read_source(struct reading *reading);
static heft_status read_kind(struct reading *reading);
static heft_status read_tokens(struct reading *reading);
static heft_status read_scores(struct reading *reading);
static heft_status read_types(struct reading *reading);
static heft_status read_merges(struct reading *reading);
static heft_status read_pre(struct reading *reading);
static heft_status read_ids(struct reading *reading);
static heft_status read_id(struct reading *reading, const char *key, int32_t usual, int32_t *out);
static heft_status read_flags(struct reading *reading);
static heft_status read_bool(struct reading *reading, const char *key, bool *out);
static heft_status find_array(struct reading *reading, const char *key, bool of_strings,
                              const struct gguf_value **out);
static heft_status check_length(struct reading *reading, const struct gguf_value *value);

heft_status vocabulary_open(const struct gguf *file, struct tokenizer **out, heft_error *error)
{
    *out = NULL;
    struct reading reading = {.file = file, .error = error};
    heft_status status = read_source(&reading);
    if (status == HEFT_OK) {
        status = tokenizer_create(&reading.source, out, error);
        if (status != HEFT_OK) error_prefix(error, status, gguf_part_path(file, 0));
    }
    free(reading.scores);
    free(reading.types);
    return status;
}

static heft_status read_source(struct reading *reading)
{
    heft_status status = read_kind(reading);
    if (status == HEFT_OK) status = read_tokens(reading);
    if (status == HEFT_OK) status = read_scores(reading);
    if (status == HEFT_OK) status = read_types(reading);
    if (status == HEFT_OK) status = read_merges(reading);
    if (status == HEFT_OK) status = read_pre(reading);
    if (status == HEFT_OK) status = read_ids(reading);
    if (status == HEFT_OK) status = read_flags(reading);
    return status;
}

static heft_status read_kind(struct reading *reading)
{
    const struct gguf_value *model = gguf_find(reading->file, KEY("model"));
    if (!model || model->type != GGUF_STRING)
        return error_set(reading->error, HEFT_BAD_FILE, "%s: there is no string " KEY("model"),
                         gguf_part_path(reading->file, 0));
    if (slice_is(model->text, "gpt2")) {
        reading->source.kind = VOCAB_BPE;
    } else if (slice_is(model->text, "llama")) {
        reading->source.kind = VOCAB_SPM;
    } else {
        int n_shown = model->text.n_bytes < 64 ? (int)model->text.n_bytes : 64;
        return error_set(reading->error, HEFT_BAD_FILE,
                         "%s: " KEY("model") " is \"%.*s\"; supported are \"gpt2\" and \"llama\"",
                         gguf_part_path(reading->file, 0), n_shown, model->text.data);
    }
    return HEFT_OK;
}

static heft_status read_tokens(struct reading *reading)
{
    const struct gguf_value *tokens;
    heft_status status = find_array(reading, KEY("tokens"), true, &tokens);
    if (status != HEFT_OK) return status;
    if (!tokens || tokens->n == 0)
        return error_set(reading->error, HEFT_BAD_FILE,
                         "%s: there is no vocabulary: " KEY("tokens") " is %s",
                         gguf_part_path(reading->file, 0), tokens ? "empty" : "missing");
    if (tokens->n > INT32_MAX / 4)
        return error_set(reading->error, HEFT_BAD_FILE,
                         "%s: " KEY("tokens") " has %llu entries, too many",
                         gguf_part_path(reading->file, 0), (unsigned long long)tokens->n);
    reading->source.tokens = tokens->texts;
    reading->source.n_tokens = (int)tokens->n;
    return HEFT_OK;
}

/* Byte-pair vocabularies have none, or have some that mean nothing. */
static heft_status read_scores(struct reading *reading)
{
    const struct gguf_value *scores = NULL;
    if (reading->source.kind == VOCAB_BPE) return HEFT_OK;
    heft_status status = find_array(reading, KEY("scores"), false, &scores);
    if (status != HEFT_OK) return status;
    if (!scores)
        return error_set(reading->error, HEFT_BAD_FILE, "%s: " KEY("scores") " is missing",
                         gguf_part_path(reading->file, 0));
    status = check_length(reading, scores);
    if (status != HEFT_OK) return status;
    reading->scores = malloc((size_t)reading->source.n_tokens * sizeof *reading->scores);
    if (!reading->scores)
        return error_set(reading->error, HEFT_DOES_NOT_FIT, "no memory for " KEY("scores"));
    for (int i = 0; i < reading->source.n_tokens; i++) {
        double score = 0;
        gguf_array_float(scores, (uint64_t)i, &score);
        reading->scores[i] = (float)score;
    }
    reading->source.scores = reading->scores;
    return HEFT_OK;
}

static heft_status read_types(struct reading *reading)
{
    const struct gguf_value *types;
    heft_status status = find_array(reading, KEY("token_type"), false, &types);
    if (status != HEFT_OK || !types) return status;
    status = check_length(reading, types);
    if (status != HEFT_OK) return status;
    reading->types = malloc((size_t)reading->source.n_tokens * sizeof *reading->types);
    if (!reading->types)
        return error_set(reading->error, HEFT_DOES_NOT_FIT, "no memory for " KEY("token_type"));
    for (int i = 0; i < reading->source.n_tokens; i++) {
        int64_t type = TOKEN_NORMAL;
        bool known = gguf_array_int(types, (uint64_t)i, &type) && type > 0 && type <= TOKEN_BYTE;
        reading->types[i] = known ? (int32_t)type : TOKEN_NORMAL;
    }
    reading->source.types = reading->types;
    return HEFT_OK;
}

static heft_status read_merges(struct reading *reading)
{
    const struct gguf_value *merges;
    if (reading->source.kind == VOCAB_SPM) return HEFT_OK;
    heft_status status = find_array(reading, KEY("merges"), true, &merges);
    if (status != HEFT_OK) return status;
    if (!merges)
        return error_set(reading->error, HEFT_BAD_FILE, "%s: " KEY("merges") " is missing",
                         gguf_part_path(reading->file, 0));
    if (merges->n > INT32_MAX / 4)
        return error_set(reading->error, HEFT_BAD_FILE,
                         "%s: " KEY("merges") " has %llu entries, too many",
                         gguf_part_path(reading->file, 0), (unsigned long long)merges->n);
    reading->source.merges = merges->texts;
    reading->source.n_merges = (int)merges->n;
    return HEFT_OK;
}

/* Files from before the key existed have none; the usual pattern serves them as well as can be. */
static heft_status read_pre(struct reading *reading)
{
    if (reading->source.kind == VOCAB_SPM) return HEFT_OK;
    const struct gguf_value *pre = gguf_find(reading->file, KEY("pre"));
    if (!pre) return HEFT_OK;
    const char *path = gguf_part_path(reading->file, 0);
    if (pre->type != GGUF_STRING)
        return error_set(reading->error, HEFT_BAD_FILE, "%s: " KEY("pre") " is no string", path);
    size_t n =
        pre->text.n_bytes < sizeof reading->pre ? pre->text.n_bytes : sizeof reading->pre - 1;
    if (n) memcpy(reading->pre, pre->text.data, n);
    const struct pretype *type = pretype_find(reading->pre);
    if (!type || n < pre->text.n_bytes || strlen(reading->pre) < n)
        return error_set(reading->error, HEFT_BAD_FILE,
                         "%s: " KEY("pre") " is \"%s\", a pre-tokenizer that is not supported",
                         path, reading->pre);
    reading->source.pre = type->name;
    reading->source.ignore_merges = type->flags & PRETYPE_IGNORE_MERGES;
    reading->source.add_bos = type->flags & PRETYPE_ADD_BOS;
    return HEFT_OK;
}

static heft_status read_ids(struct reading *reading)
{
    struct vocab_source *source = &reading->source;
    /* The ids that SentencePiece gives unless it is told otherwise. */
    bool is_spm = source->kind == VOCAB_SPM;
    heft_status status = read_id(reading, KEY("bos_token_id"), is_spm ? 1 : -1, &source->bos);
    if (status == HEFT_OK)
        status = read_id(reading, KEY("eos_token_id"), is_spm ? 2 : -1, &source->eos);
    if (status == HEFT_OK)
        status = read_id(reading, KEY("unknown_token_id"), is_spm ? 0 : -1, &source->unknown);
    if (status == HEFT_OK) status = read_id(reading, KEY("eot_token_id"), -1, &source->eot);
    if (status == HEFT_OK) status = read_id(reading, KEY("eom_token_id"), -1, &source->eom);
    source->pad =
        -1; /* nothing here pads, and published files have padding ids that do not exist */
    return status;
}

/* Some writers put -1, in 32 bits with or without a sign, for "none". An id outside the vocabulary
 * names no token: such files run elsewhere as if it were not there, and so they do here. */
static heft_status read_id(struct reading *reading, const char *key, int32_t usual, int32_t *out)
{
    int n_tokens = reading->source.n_tokens;
    int64_t id;
    const struct gguf_value *value = gguf_find(reading->file, key);
    *out = usual < n_tokens ? usual : -1;
    if (!value) return HEFT_OK;
    const char *path = gguf_part_path(reading->file, 0);
    if (!gguf_value_int(value, &id))
        return error_set(reading->error, HEFT_BAD_FILE, "%s: %s is no integer", path, key);
    if (id == -1 || id == UINT32_MAX) {
        *out = -1;
        return HEFT_OK;
    }
    if (id >= 0 && id < n_tokens) *out = (int32_t)id;
    return HEFT_OK;
}

static heft_status read_flags(struct reading *reading)
{
    struct vocab_source *source = &reading->source;
    if (source->kind == VOCAB_SPM) source->add_bos = source->add_space_prefix = true;
    heft_status status = read_bool(reading, KEY("add_bos_token"), &source->add_bos);
    if (status == HEFT_OK) status = read_bool(reading, KEY("add_eos_token"), &source->add_eos);
    if (status == HEFT_OK)
        status = read_bool(reading, KEY("add_space_prefix"), &source->add_space_prefix);
    if (status == HEFT_OK)
        status =
            read_bool(reading, KEY("remove_extra_whitespaces"), &source->remove_extra_whitespaces);
    return status;
}

static heft_status read_bool(struct reading *reading, const char *key, bool *out)
{
    int64_t number;
    const struct gguf_value *value = gguf_find(reading->file, key);
    if (!value) return HEFT_OK;
    if (!gguf_value_int(value, &number))
        return error_set(reading->error, HEFT_BAD_FILE, "%s: %s is neither true nor false",
                         gguf_part_path(reading->file, 0), key);
    *out = number != 0;
    return HEFT_OK;
}

/* NULL in *out if the key is absent. */
static heft_status find_array(struct reading *reading, const char *key, bool of_strings,
                              const struct gguf_value **out)
{
    *out = gguf_find(reading->file, key);
    if (!*out) return HEFT_OK;
    bool is_strings = (*out)->type == GGUF_ARRAY && (*out)->element == GGUF_STRING;
    if ((*out)->type == GGUF_ARRAY && is_strings == of_strings) return HEFT_OK;
    return error_set(reading->error, HEFT_BAD_FILE, "%s: %s is no array of %s",
                     gguf_part_path(reading->file, 0), key, of_strings ? "strings" : "numbers");
}

static heft_status check_length(struct reading *reading, const struct gguf_value *value)
{
    if (value->n == (uint64_t)reading->source.n_tokens) return HEFT_OK;
    return error_set(reading->error, HEFT_BAD_FILE, "%s: %s has %llu entries for %d tokens",
                     gguf_part_path(reading->file, 0), value->key, (unsigned long long)value->n,
                     reading->source.n_tokens);
}
