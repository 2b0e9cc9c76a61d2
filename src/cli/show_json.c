#include "cli/output.h"
#include "cli/show.h"

enum { ITEMS_MOST = 8 };

static json_t *facts_json(const struct show *show);
static json_t *parts_json(const struct show *show);
static json_t *sums_json(const struct survey_sum *sums, int n, const char *name_of(int index));
static const char *type_name(int index);
static const char *group_name(int index);
static json_t *tokenizer_json(const struct show *show);
static json_t *metadata_json(const struct show *show);
static json_t *value_json(const struct gguf_value *value);
static json_t *array_json(const struct gguf_value *value);
static json_t *tensors_json(const struct show *show);

heft_status show_json(const struct show *show, heft_error *error)
{
    const struct survey *survey = &show->survey;
    json_t *object = facts_json(show);
    json_object_set_new(object, "parts", parts_json(show));
    json_object_set_new(object, "tokenizer", tokenizer_json(show));
    json_object_set_new(object, "tensor_types", sums_json(survey->types, DTYPE_LIMIT, type_name));
    json_object_set_new(object, "tensor_groups",
                        sums_json(survey->groups, SURVEY_GROUPS, group_name));
    json_object_set_new(object, "metadata", metadata_json(show));
    if (show->list_tensors) json_object_set_new(object, "tensors", tensors_json(show));
    if (show->template)
        json_object_set_new(object, "chat_template",
                            output_text(show->template->text.data, show->template->text.n_bytes));
    return output_json(object, error);
}

static json_t *facts_json(const struct show *show)
{
    static const struct {
        const char *name, *key;
    } facts[] = {
        {"n_layers", "block_count"},         {"d_model", "embedding_length"},
        {"n_heads", "attention.head_count"}, {"n_kv_heads", "attention.head_count_kv"},
        {"n_experts", "expert_count"},       {"n_experts_used", "expert_used_count"},
        {"n_ctx_train", "context_length"},
    };
    const struct gguf_value *architecture = gguf_find(show->file, "general.architecture");
    json_t *object = json_object();
    json_object_set_new(object, "architecture",
                        architecture ? value_json(architecture) : json_null());
    json_object_set_new(object, "n_parameters",
                        json_integer((json_int_t)show->survey.all.n_values));
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        int64_t value = survey_fact(show->file, facts[i].key);
        if (value >= 0) json_object_set_new(object, facts[i].name, json_integer(value));
    }
    json_object_set_new(object, "gguf_version", json_integer(gguf_version(show->file)));
    json_object_set_new(object, "bytes", json_integer((json_int_t)gguf_bytes(show->file)));
    json_object_set_new(object, "runs", json_boolean(show->runs));
    if (show->runs)
        json_object_set_new(object, "kv_token_bytes",
                            json_integer((json_int_t)show->kv_token_bytes));
    else
        json_object_set_new(object, "reason",
                            output_text(show->reason.message, strlen(show->reason.message)));
    return object;
}

static json_t *parts_json(const struct show *show)
{
    json_t *parts = json_array();
    for (int i = 0; i < gguf_n_parts(show->file); i++) {
        const char *path = gguf_part_path(show->file, i);
        json_array_append_new(parts,
                              json_pack("{s:o, s:I}", "path", output_text(path, strlen(path)),
                                        "bytes", (json_int_t)gguf_part_bytes(show->file, i)));
    }
    return parts;
}

static json_t *sums_json(const struct survey_sum *sums, int n, const char *name_of(int index))
{
    json_t *object = json_object();
    for (int i = 0; i < n; i++)
        if (sums[i].n_tensors > 0)
            json_object_set_new(object, name_of(i),
                                json_pack("{s:i, s:I, s:I}", "n_tensors", sums[i].n_tensors,
                                          "n_values", (json_int_t)sums[i].n_values, "bytes",
                                          (json_int_t)sums[i].n_bytes));
    return object;
}

static const char *type_name(int index)
{
    return dtype_name((enum dtype)index);
}

static const char *group_name(int index)
{
    return survey_group_name((enum survey_group)index);
}

static json_t *tokenizer_json(const struct show *show)
{
    const struct gguf_value *model = gguf_find(show->file, "tokenizer.ggml.model");
    const struct gguf_value *pre = gguf_find(show->file, "tokenizer.ggml.pre");
    const struct gguf_value *tokens = gguf_find(show->file, "tokenizer.ggml.tokens");
    json_t *object = json_object(), *specials = json_object();
    if (model) json_object_set_new(object, "model", value_json(model));
    if (pre) json_object_set_new(object, "pre", value_json(pre));
    if (tokens) json_object_set_new(object, "n_tokens", json_integer((json_int_t)tokens->n));
    for (int i = 0; i < SURVEY_SPECIALS; i++) {
        int64_t id;
        struct slice text;
        if (survey_special(show->file, survey_specials[i].key, &id, &text))
            json_object_set_new(specials, survey_specials[i].name,
                                json_pack("{s:I, s:o}", "id", (json_int_t)id, "text",
                                          output_text(text.data, text.n_bytes)));
    }
    json_object_set_new(object, "special", specials);
    return object;
}

static json_t *metadata_json(const struct show *show)
{
    json_t *object = json_object();
    for (int i = 0; i < gguf_n_values(show->file); i++) {
        const struct gguf_value *value = gguf_value(show->file, i);
        json_object_set_new(object, value->key, value_json(value));
    }
    return object;
}

/* A number that JSON has not got is null. */
static json_t *value_json(const struct gguf_value *value)
{
    int64_t whole;
    double number;
    json_t *json = NULL;
    if (value->type == GGUF_STRING)
        json = output_text(value->text.data, value->text.n_bytes);
    else if (value->type == GGUF_BOOL)
        json = json_boolean(value->b);
    else if (value->type == GGUF_ARRAY)
        json = array_json(value);
    else if (gguf_value_int(value, &whole))
        json = json_integer(whole);
    else if (gguf_value_float(value, &number))
        json = json_real(number);
    return json ? json : json_null();
}

/* The beginning: a vocabulary would bury all else. */
static json_t *array_json(const struct gguf_value *value)
{
    json_t *first = json_array();
    for (uint64_t i = 0; i < value->n && i < ITEMS_MOST; i++) {
        int64_t whole;
        double number;
        json_t *item = NULL;
        if (value->element == GGUF_STRING)
            item = output_text(value->texts[i].data, value->texts[i].n_bytes);
        else if (gguf_array_int(value, i, &whole))
            item = json_integer(whole);
        else if (gguf_array_float(value, i, &number))
            item = json_real(number);
        json_array_append_new(first, item ? item : json_null());
    }
    return json_pack("{s:I, s:s, s:o}", "n", (json_int_t)value->n, "type",
                     gguf_type_name(value->element), "first", first);
}

static json_t *tensors_json(const struct show *show)
{
    json_t *list = json_array();
    for (int i = 0; i < gguf_n_tensors(show->file); i++) {
        const struct tensor *tensor = gguf_tensor(show->file, i);
        json_t *shape = json_array();
        for (int j = 0; j < tensor->n_dims; j++)
            json_array_append_new(shape, json_integer(tensor->dims[j]));
        json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:I}", "name",
                                              output_text(tensor->name, strlen(tensor->name)),
                                              "type", dtype_name(tensor->dtype), "shape", shape,
                                              "bytes", (json_int_t)tensor->n_bytes));
    }
    return list;
}
