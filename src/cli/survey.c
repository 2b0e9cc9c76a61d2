#include "cli/survey.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buffer.h"
#include "cli/visible.h"

enum { TEXT_MOST = 60, ITEMS_MOST = 6, ITEM_TEXT_MOST = 20 };

static enum survey_group group_of(const char *name);
static void add(struct survey_sum *sum, const struct tensor *tensor);
static void array_item(const struct gguf_value *value, uint64_t index, struct buffer *out);

const struct survey_special_key survey_specials[SURVEY_SPECIALS] = {
    {"bos", "tokenizer.ggml.bos_token_id"},     {"eos", "tokenizer.ggml.eos_token_id"},
    {"eot", "tokenizer.ggml.eot_token_id"},     {"eom", "tokenizer.ggml.eom_token_id"},
    {"unk", "tokenizer.ggml.unknown_token_id"}, {"pad", "tokenizer.ggml.padding_token_id"},
};

struct survey survey_take(const struct gguf *file)
{
    struct survey survey = {0};
    for (int i = 0; i < gguf_n_tensors(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        add(&survey.all, tensor);
        add(&survey.types[tensor->dtype], tensor);
        add(&survey.groups[group_of(tensor->name)], tensor);
    }
    return survey;
}

const char *survey_group_name(enum survey_group group)
{
    static const char *const names[] = {"embedding", "attention",      "feed-forward",
                                        "experts",   "shared experts", "router",
                                        "norms",     "output",         "other"};
    return names[group];
}

int64_t survey_fact(const struct gguf *file, const char *key)
{
    const struct gguf_value *architecture = gguf_find(file, "general.architecture");
    if (!architecture || architecture->type != GGUF_STRING) return -1;
    char full[160];
    int n = snprintf(full, sizeof full, "%.*s.%s", (int)architecture->text.n_bytes,
                     architecture->text.data, key);
    if (n < 0 || (size_t)n >= sizeof full) return -1;
    const struct gguf_value *value = gguf_find(file, full);
    int64_t number = -1, most = -1;
    if (!value) return -1;
    if (value->type != GGUF_ARRAY) return gguf_value_int(value, &number) ? number : -1;
    for (uint64_t i = 0; i < value->n; i++)
        if (gguf_array_int(value, i, &number) && number > most) most = number;
    return most;
}

void survey_value(const struct gguf_value *value, struct buffer *out)
{
    switch (value->type) {
    case GGUF_STRING:
        survey_text(value->text, TEXT_MOST, out);
        return;
    case GGUF_BOOL:
        buffer_text(out, value->b ? "true" : "false");
        return;
    case GGUF_F32:
    case GGUF_F64:
        buffer_format(out, "%.7g", value->f);
        return;
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64:
        buffer_format(out, "%" PRId64, value->i);
        return;
    case GGUF_ARRAY:
        break;
    default:
        buffer_format(out, "%" PRIu64, value->u);
        return;
    }
    buffer_format(out, "%" PRIu64 " x %s: ", value->n, gguf_type_name(value->element));
    for (uint64_t i = 0; i < value->n && i < ITEMS_MOST; i++) {
        if (i) buffer_text(out, ", ");
        array_item(value, i, out);
    }
    if (value->n > ITEMS_MOST) buffer_text(out, ", ...");
}

void survey_text(struct slice text, size_t n_most, struct buffer *out)
{
    bool cut = text.n_bytes > n_most;
    if (cut) {
        /* Not in the middle of a character. */
        while (n_most > 0 && ((unsigned char)text.data[n_most] & 0xc0) == 0x80) n_most--;
        text.n_bytes = n_most;
    }
    for (size_t i = 0; i < text.n_bytes;) {
        uint32_t code;
        int n = visible_character(text.data + i, text.n_bytes - i, &code);
        if (n <= 0)
            buffer_format(out, "\\x%02x", (unsigned char)text.data[i]);
        else if (code == '\n')
            buffer_text(out, "\\n");
        else if (visible_is_control(code))
            buffer_format(out, code < 0x80 ? "\\x%02x" : "\\u%04x", code);
        else
            buffer_append(out, text.data + i, (size_t)n);
        i += n > 0 ? (size_t)n : 1;
    }
    if (cut) buffer_text(out, "...");
}

bool survey_special(const struct gguf *file, const char *key, int64_t *id, struct slice *text)
{
    const struct gguf_value *value = gguf_find(file, key);
    const struct gguf_value *tokens = gguf_find(file, "tokenizer.ggml.tokens");
    if (!value || !gguf_value_int(value, id)) return false;
    bool named = tokens && tokens->texts && *id >= 0 && (uint64_t)*id < tokens->n;
    *text = named ? tokens->texts[*id] : slice_of("");
    return true;
}

/* Names as the converters of llama.cpp write them. */
static enum survey_group group_of(const char *name)
{
    static const struct {
        const char *part;
        enum survey_group group;
    } parts[] = {
        {"norm", SURVEY_NORMS},
        {"token_embd", SURVEY_EMBEDDING},
        {"_shexp", SURVEY_SHARED_EXPERTS},
        {"_exps", SURVEY_EXPERTS},
        {"ffn_gate_inp", SURVEY_ROUTER},
        {"exp_probs", SURVEY_ROUTER},
        {".attn_", SURVEY_ATTENTION},
        {".ffn_", SURVEY_FEED_FORWARD},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i].part)) return parts[i].group;
    return strncmp(name, "output.", 7) == 0 ? SURVEY_OUTPUT : SURVEY_OTHER;
}

static void add(struct survey_sum *sum, const struct tensor *tensor)
{
    sum->n_tensors++;
    sum->n_values += (uint64_t)tensor_n_values(tensor);
    sum->n_bytes += tensor->n_bytes;
}

static void array_item(const struct gguf_value *value, uint64_t index, struct buffer *out)
{
    int64_t whole;
    double number;
    if (value->element == GGUF_STRING)
        survey_text(value->texts[index], ITEM_TEXT_MOST, out);
    else if (gguf_array_int(value, index, &whole))
        buffer_format(out, "%" PRId64, whole);
    else if (gguf_array_float(value, index, &number))
        buffer_format(out, "%.6g", number);
}
