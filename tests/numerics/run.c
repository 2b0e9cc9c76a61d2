#include "run.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void step(heft_engine *engine, heft_session *const *sessions, const struct run *run,
                 int first, int n_tokens, int n_vocab, float *logits);

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
    int n_together = run->singly ? 1 : N_POSITIONS;
    for (int first = 0; first < N_POSITIONS; first += n_together)
        step(engine, sessions, run, first, n_together, info.n_vocab, logits);
    heft_engine_close(engine);
    return logits;
}

static void step(heft_engine *engine, heft_session *const *sessions, const struct run *run,
                 int first, int n_tokens, int n_vocab, float *logits)
{
    heft_work works[N_ANSWER_TEXTS];
    for (int i = 0; i < run->of->n_texts; i++) {
        size_t at = (size_t)i * N_POSITIONS + (size_t)first;
        works[i] = (heft_work){sessions[i], run->of->tokens + at, n_tokens,
                               logits + at * (size_t)n_vocab, n_tokens};
    }
    heft_error error;
    if (heft_step(engine, works, run->of->n_texts, &error) != HEFT_OK)
        fail_msg("%s", error.message);
}
