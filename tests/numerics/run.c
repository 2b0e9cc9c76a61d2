#include "run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Of the texts that are computed together, the next tokens. */
struct part {
    int first_text, n_texts, first, n_tokens;
};

static void step(heft_engine *engine, heft_session *const *sessions, const struct run *run,
                 struct part part, int n_vocab, float *logits);

float *run_logits(const struct run *run, int *n_vocab)
{
    heft_options options = heft_options_default();
    options.model = run->path;
    options.n_ctx = options.n_batch = N_POSITIONS;
    options.n_sessions = run->of->n_texts;
    options.n_threads = 1;
    options.kv_type = run->kv_type;
    heft_engine *engine;
    heft_error error;
    if (heft_engine_open(&options, &engine, &error) != HEFT_OK) fail_msg("%s", error.message);
    heft_info info;
    heft_engine_info(engine, &info);
    *n_vocab = info.n_vocab;

    heft_session *sessions[N_ANSWER_TEXTS];
    for (int i = 0; i < run->of->n_texts; i++)
        if (heft_session_create(engine, &sessions[i], &error) != HEFT_OK)
            fail_msg("%s", error.message);
    float *logits =
        malloc((size_t)run->of->n_texts * N_POSITIONS * (size_t)info.n_vocab * sizeof *logits);
    assert_non_null(logits);
    /* More rows at once than these are no longer multiplied as one is. */
    int n_tokens = run->singly ? 1 : N_POSITIONS, n_texts = run->singly ? N_FEW_TEXTS : 1;
    for (int text = 0; text < run->of->n_texts; text += n_texts)
        for (int first = 0; first < N_POSITIONS; first += n_tokens)
            step(engine, sessions, run, (struct part){text, n_texts, first, n_tokens}, info.n_vocab,
                 logits);
    heft_engine_close(engine);
    return logits;
}

static void step(heft_engine *engine, heft_session *const *sessions, const struct run *run,
                 struct part part, int n_vocab, float *logits)
{
    heft_work works[N_FEW_TEXTS];
    int n_works = 0;
    for (int i = part.first_text; n_works < part.n_texts && i < run->of->n_texts; i++) {
        size_t at = (size_t)i * N_POSITIONS + (size_t)part.first;
        works[n_works++] = (heft_work){sessions[i], run->of->tokens + at, part.n_tokens,
                                       logits + at * (size_t)n_vocab, part.n_tokens};
    }
    heft_error error;
    if (heft_step(engine, works, n_works, &error) != HEFT_OK) fail_msg("%s", error.message);
}
