#include "cases.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"

enum { N_VOCAB = 272, MOST_TEXT = 1 << 16, N_SMALL_MIXES = 2 };

static const char demo[] = "models/demo/demo.gguf";
static const char article[] = "tests/numerics/article.txt";
static const char questions[] = "models/demo/questions.json";

static const struct {
    const char *name;
    char last; /* the golden models of floats are "a" to this */
    bool is_dense;
} families[] = {
    {"llama", 'h', true}, {"mixtral", 'c', false},  {"command-r", 'c', true},
    {"dbrx", 'c', false}, {"deepseek", 'h', false},
};
static const char *const mixes[] = {"halves", "blocks", "supers", "codebooks"};

/* With the Q8_0 that it is in, those of four bits and more that are packed in no time. */
static const enum dtype demo_types[] = {DTYPE_Q6_K, DTYPE_Q5_K, DTYPE_Q5_1, DTYPE_Q5_0,
                                        DTYPE_Q4_K, DTYPE_Q4_1, DTYPE_Q4_0, DTYPE_MXFP4};
static const enum dtype golden_types[] = {DTYPE_Q8_0, DTYPE_Q6_K, DTYPE_Q4_K};
/* No choices hide what rounding costs where there are no experts. */
static const enum dtype dense_types[] = {DTYPE_F16, DTYPE_BF16, DTYPE_IQ4_XS, DTYPE_IQ4_NL,
                                         DTYPE_NVFP4};

#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

static void read_texts(struct cases *cases);
static void encode_answers(const heft_engine *engine, int text, int32_t *tokens);
static json_t *conversation(int text);
static void add_demo(struct cases *cases);
static void add_packed(struct cases *cases, const char *family, const enum dtype *types, int n);
static void add_mixes(struct cases *cases, const char *family, int n);
static void add_floats(struct cases *cases, const char *family, char last);
static struct numeric_case *add(struct cases *cases, int dtype, const char *model);

struct cases *cases_make(bool few)
{
    struct cases *cases = calloc(1, sizeof *cases);
    assert(cases);
    struct rng rng = {.state = 1};
    for (int i = 0; i < N_POSITIONS; i++) cases->noise[i] = (int32_t)(rng_uniform(&rng) * N_VOCAB);
    read_texts(cases);
    if (!few) add_demo(cases);
    for (int i = 0; i < COUNT(families); i++)
        add_mixes(cases, families[i].name, few ? N_SMALL_MIXES : COUNT(mixes));
    for (int i = 0; !few && i < COUNT(families); i++) {
        add_packed(cases, families[i].name, golden_types, COUNT(golden_types));
        if (families[i].is_dense)
            add_packed(cases, families[i].name, dense_types, COUNT(dense_types));
    }
    for (int i = 0; i < COUNT(families); i++) add_floats(cases, families[i].name, families[i].last);
    return cases;
}

void cases_free(struct cases *cases)
{
    free(cases);
}

/* What the bundled model was taught, and what it was not. */
static void read_texts(struct cases *cases)
{
    heft_options options = heft_options_default();
    options.model = demo;
    options.vocab_only = true;
    heft_engine *engine;
    heft_error error;
    char *text;
    size_t n_bytes;
    heft_status status = heft_engine_open(&options, &engine, &error);
    assert(status == HEFT_OK);
    status = file_read(article, MOST_TEXT, &text, &n_bytes, &error);
    assert(status == HEFT_OK);
    int n = heft_encode(engine, text, n_bytes, HEFT_ADD_SPECIAL, cases->article, N_POSITIONS);
    assert(n >= N_POSITIONS);
    (void)status, (void)n;
    for (int i = 0; i < N_ANSWER_TEXTS; i++)
        encode_answers(engine, i, cases->answers + (size_t)i * N_POSITIONS);
    free(text);
    heft_engine_close(engine);
}

static void encode_answers(const heft_engine *engine, int text, int32_t *tokens)
{
    json_t *messages = conversation(text);
    char *source = json_dumps(messages, 0);
    assert(source);
    heft_chat chat = {.messages_json = source};
    heft_error error;
    int32_t *all;
    int n;
    heft_status status = heft_chat_encode(engine, &chat, &all, &n, &error);
    assert(status == HEFT_OK && n >= N_POSITIONS);
    (void)status;
    memcpy(tokens, all, N_POSITIONS * sizeof *tokens);
    heft_free(all);
    free(source);
    json_decref(messages);
}

/* Every fourth question with its answer, one after the other; in later texts in other words. */
static json_t *conversation(int text)
{
    size_t part = (size_t)text % N_FEW_TEXTS, wording = (size_t)text / N_FEW_TEXTS;
    json_t *all = json_load_file(questions, 0, NULL), *said = json_array(), *question;
    size_t i;
    json_array_foreach(all, i, question)
    {
        json_t *phrasing = json_array_get(json_object_get(question, "phrasings"), wording);
        json_t *answer = json_object_get(question, "answer");
        if (!phrasing || i % N_FEW_TEXTS != part) continue;
        json_array_append_new(said, json_pack("{s:s, s:O}", "role", "user", "content", phrasing));
        json_array_append_new(said,
                              json_pack("{s:s, s:O}", "role", "assistant", "content", answer));
    }
    json_decref(all);
    return said;
}

static void add_demo(struct cases *cases)
{
    for (int i = -2; i < COUNT(demo_types); i++) {
        struct numeric_case *new = add(cases, i < 0 ? AS_IT_IS : (int)demo_types[i], "demo");
        snprintf(new->path, sizeof new->path, "%s", demo);
        new->tokens = cases->answers;
        new->n_texts = i < 0 ? N_ANSWER_TEXTS : N_FEW_TEXTS;
        new->is_trained = new->knows_text = true;
    }
    cases->list[0].must_hold = true;
    cases->list[1].kv_type = HEFT_KV_F16;
    snprintf(cases->list[1].model, sizeof cases->list[1].model, "demo, cache in F16");
    struct numeric_case *new = add(cases, AS_IT_IS, "demo, another text");
    snprintf(new->path, sizeof new->path, "%s", demo);
    new->tokens = cases->article;
    new->is_trained = true;
}

static void add_packed(struct cases *cases, const char *family, const enum dtype *types, int n)
{
    for (int i = 0; i < n; i++) {
        struct numeric_case *new = add(cases, types[i], family);
        snprintf(new->model, sizeof new->model, "%s-supers", family);
        snprintf(new->path, sizeof new->path, "tests/golden/data/%s-supers.gguf", family);
    }
}

static void add_mixes(struct cases *cases, const char *family, int n)
{
    for (int i = 0; i < n; i++) {
        struct numeric_case *new = add(cases, AS_IT_IS, family);
        snprintf(new->model, sizeof new->model, "%s-%s", family, mixes[i]);
        snprintf(new->path, sizeof new->path, "tests/golden/data/%s-%s.gguf", family, mixes[i]);
    }
}

static void add_floats(struct cases *cases, const char *family, char last)
{
    for (char letter = 'a'; letter <= last; letter++) {
        struct numeric_case *new = add(cases, AS_IT_IS, family);
        snprintf(new->model, sizeof new->model, "%s-%c", family, letter);
        snprintf(new->path, sizeof new->path, "tests/golden/data/%s-%c.gguf", family, letter);
    }
}

static struct numeric_case *add(struct cases *cases, int dtype, const char *model)
{
    assert(cases->n < COUNT(cases->list));
    struct numeric_case *new = &cases->list[cases->n++];
    *new = (struct numeric_case){
        .dtype = dtype, .tokens = cases->noise, .n_texts = 1, .kv_type = HEFT_KV_F32};
    snprintf(new->model, sizeof new->model, "%s", model);
    return new;
}
