#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/kv.h"
#include "model/decoder.h"

/* How far a step has come: every item before `item` is done, of it `done` tokens. */
struct progress {
    int item, done;
};

static heft_status check_work(const heft_engine *engine, const heft_work *work, int n_work,
                              heft_error *error);
static heft_status check_item(const heft_engine *engine, const heft_work *item, heft_error *error);
static heft_status step_chunk(heft_engine *engine, const heft_work *work, int n_work,
                              struct progress *progress, bool *more, heft_error *error);
static void gather(heft_engine *engine, const heft_work *work, int n_work,
                   struct progress *progress);
static void want_logits(heft_engine *engine, const heft_work *item, int first, int n);
static heft_status read_logits(heft_engine *engine, heft_error *error);
static heft_status check_files(heft_engine *engine, heft_error *error);
static bool all_finite(const float *x, size_t n);
static heft_status tell_fault(heft_engine *engine, int row, heft_error *error);
static void keep_tokens(const heft_work *work, struct progress from, struct progress to);

heft_status heft_step(heft_engine *engine, const heft_work *work, int n_work, heft_error *error)
{
    if (!engine || (!work && n_work > 0))
        return error_set(error, HEFT_USAGE, "heft_step: no engine or no work");
    heft_status status = check_work(engine, work, n_work, error);
    if (status != HEFT_OK) return status;
    struct progress progress = {0};
    for (bool more = true; more && status == HEFT_OK;)
        status = step_chunk(engine, work, n_work, &progress, &more, error);
    /* Here and nowhere else, so that one that comes after the last layer is this step's too. */
    bool cancelled = flag_lower(&engine->stop);
    if (status != HEFT_OK || !cancelled) return status;
    return error_set(error, HEFT_CANCELLED, "cancelled");
}

/* Computes the next n_batch rows. No more if there are none left, or if they were cancelled. */
static heft_status step_chunk(heft_engine *engine, const heft_work *work, int n_work,
                              struct progress *progress, bool *more, heft_error *error)
{
    struct progress next = *progress;
    const struct batch *batch = &engine->builder.batch;
    gather(engine, work, n_work, &next);
    *more = false;
    if (batch->n_rows == 0) return HEFT_OK;
    if (!decoder_forward(engine->model, engine->backend, batch, &engine->stop)) return HEFT_OK;
    heft_status status = read_logits(engine, error);
    heft_status files = check_files(engine, error); /* the reason, if both have failed */
    if (files != HEFT_OK || status != HEFT_OK) return files != HEFT_OK ? files : status;
    keep_tokens(work, *progress, next);
    *progress = next;
    *more = true;
    return HEFT_OK;
}

/* Everything is checked before anything is computed. */
static heft_status check_work(const heft_engine *engine, const heft_work *work, int n_work,
                              heft_error *error)
{
    if (!engine->model)
        return error_set(error, HEFT_USAGE, "this engine was opened for its vocabulary only");
    for (int i = 0; i < n_work; i++) {
        heft_status status = check_item(engine, &work[i], error);
        if (status != HEFT_OK) return status;
        for (int j = 0; j < i; j++)
            if (work[j].session == work[i].session)
                return error_set(error, HEFT_USAGE, "a session appears twice in one step");
    }
    return HEFT_OK;
}

static heft_status check_item(const heft_engine *engine, const heft_work *item, heft_error *error)
{
    if (!item->session || item->session->engine != engine)
        return error_set(error, HEFT_USAGE, "a work item names no session of this engine");
    if (item->n_tokens < 1 || !item->tokens)
        return error_set(error, HEFT_USAGE, "a work item has no tokens");
    if (item->logits && (item->n_logits < 1 || item->n_logits > item->n_tokens))
        return error_set(error, HEFT_USAGE, "n_logits is %d for %d tokens", item->n_logits,
                         item->n_tokens);
    int held = item->session->n_tokens, n_ctx = engine->options.n_ctx;
    if (item->n_tokens > n_ctx - held)
        return error_set(
            error, HEFT_USAGE,
            "the context is full: %d tokens are held and %d more were given, but it has %d", held,
            item->n_tokens, n_ctx);
    int n_vocab = engine->model->description.n_vocab;
    for (int i = 0; i < item->n_tokens; i++)
        if (item->tokens[i] < 0 || item->tokens[i] >= n_vocab)
            return error_set(error, HEFT_USAGE, "token %d is not in the vocabulary of %d",
                             item->tokens[i], n_vocab);
    return HEFT_OK;
}

/* Fills the next batch from where the step is. */
static void gather(heft_engine *engine, const heft_work *work, int n_work,
                   struct progress *progress)
{
    batch_builder_reset(&engine->builder);
    while (progress->item < n_work) {
        const heft_work *item = &work[progress->item];
        int first = progress->done;
        int n = batch_add(&engine->builder, &item->session->kv->cache, item->session->n_tokens,
                          item->tokens + first, item->n_tokens - first);
        if (n == 0) return;
        want_logits(engine, item, first, n);
        progress->done += n;
        if (progress->done < item->n_tokens) return;
        *progress = (struct progress){progress->item + 1, 0};
    }
}

static void want_logits(heft_engine *engine, const heft_work *item, int first, int n)
{
    if (!item->logits) return;
    size_t n_vocab = (size_t)engine->model->description.n_vocab;
    int first_wanted = item->n_tokens - item->n_logits;
    for (int i = first; i < first + n; i++)
        if (i >= first_wanted)
            batch_want(&engine->builder, first + n - 1 - i,
                       item->logits + (size_t)(i - first_wanted) * n_vocab);
}

/* The head is applied to a few rows at a time: its output is far wider than any other. */
static heft_status read_logits(heft_engine *engine, heft_error *error)
{
    struct backend *on = engine->backend;
    const struct model *model = engine->model;
    const struct batch_builder *builder = &engine->builder;
    size_t n_vocab = (size_t)model->description.n_vocab;
    for (int i = 0; i < builder->n_wanted; i += engine->limits.n_logits) {
        int left = builder->n_wanted - i,
            n = left < engine->limits.n_logits ? left : engine->limits.n_logits;
        on->ops->head(on, &model->output_norm, &model->head, model->description.logit_scale,
                      builder->wanted_rows + i, n);
        for (int j = 0; j < n; j++) {
            float *logits = builder->wanted_logits[i + j];
            on->ops->read(on, logits, on->ops->activations(on)->logits + (size_t)j * n_vocab,
                          n_vocab * sizeof(float));
            if (!all_finite(logits, n_vocab))
                return tell_fault(engine, builder->wanted_rows[i + j], error);
        }
    }
    return HEFT_OK;
}

/* A file that was cut short while it was in use gave zeros for weights. */
static heft_status check_files(heft_engine *engine, heft_error *error)
{
    for (int part = 0; part < gguf_n_parts(engine->file); part++)
        if (file_map_is_lost(gguf_part_map(engine->file, part)))
            return error_set(error, HEFT_BAD_FILE,
                             "%s: the file was cut short, or could not be read, while it was in "
                             "use; what was computed from it is lost, open it again",
                             gguf_part_path(engine->file, part));
    return HEFT_OK;
}

static bool all_finite(const float *x, size_t n)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++) finite &= isfinite(x[i]) != 0;
    return finite;
}

/* A text sampled from such logits would look like an answer. The network is run once more to say
 * where its values went wrong. */
static heft_status tell_fault(heft_engine *engine, int row, heft_error *error)
{
    const struct batch *batch = &engine->builder.batch;
    int layer = decoder_find_fault(engine->model, engine->backend, batch, row);
    char place[48] = "in the last norm or the output head";
    if (layer < 0)
        snprintf(place, sizeof place, "in the embedding");
    else if (layer < engine->model->description.n_layers)
        snprintf(place, sizeof place, "in layer %d", layer);
    return error_set(error, HEFT_BAD_FILE,
                     "%s: the logits at position %d are not finite numbers: they went wrong %s, so "
                     "the weights are damaged or their values too large",
                     gguf_part_path(engine->file, 0), batch->positions[row], place);
}

/* The tokens between two points of a step are now part of their sessions. */
static void keep_tokens(const heft_work *work, struct progress from, struct progress to)
{
    for (int i = from.item; i <= to.item; i++) {
        int first = i == from.item ? from.done : 0;
        if (i == to.item && to.done == 0) return; /* also keeps off the end of `work` */
        int last = i == to.item ? to.done : work[i].n_tokens;
        heft_session *session = work[i].session;
        memcpy(session->tokens + session->n_tokens, work[i].tokens + first,
               (size_t)(last - first) * sizeof(int32_t));
        session->n_tokens += last - first;
    }
}
