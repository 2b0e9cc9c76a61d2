#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/kv.h"

heft_status heft_session_create(heft_engine *engine, heft_session **out, heft_error *error)
{
    if (!engine->model)
        return error_set(error, HEFT_USAGE, "this engine was opened for its vocabulary only");
    if (engine->n_sessions >= engine->options.n_sessions)
        return error_set(error, HEFT_USAGE, "all %d sessions of this engine are in use",
                         engine->options.n_sessions);
    heft_session *session = calloc(1, sizeof *session);
    if (session) session->tokens = calloc((size_t)engine->options.n_ctx, sizeof *session->tokens);
    heft_status status = HEFT_OK;
    if (!session || !session->tokens)
        status = error_set(error, HEFT_INTERNAL, "no memory for a session");
    else
        status = kv_create(engine->backend, engine->model, kv_dtype(engine->options.kv_type),
                           engine->options.n_ctx, &session->kv, error);
    if (status != HEFT_OK) {
        if (session) free(session->tokens);
        free(session);
        return status;
    }
    session->engine = engine;
    session->next = engine->sessions;
    engine->sessions = session;
    engine->n_sessions++;
    *out = session;
    return HEFT_OK;
}

uint64_t session_bytes(void)
{
    return sizeof(heft_session);
}

void heft_session_free(heft_session *session)
{
    if (!session) return;
    heft_session **link = &session->engine->sessions;
    while (*link != session) link = &(*link)->next;
    *link = session->next;
    session->engine->n_sessions--;
    kv_free(session->kv);
    free(session->tokens);
    free(session);
}

int heft_session_length(const heft_session *session)
{
    return session->n_tokens;
}

const int32_t *heft_session_tokens(const heft_session *session)
{
    return session->tokens;
}

/* The cache rows behind stay where they are and are overwritten by what comes next. */
void heft_session_rewind(heft_session *session, int n_tokens)
{
    if (n_tokens < 0) n_tokens = 0;
    if (n_tokens < session->n_tokens) session->n_tokens = n_tokens;
}

int heft_session_common(const heft_session *session, const int32_t *tokens, int n_tokens)
{
    int n = 0;
    while (n < n_tokens && n < session->n_tokens && session->tokens[n] == tokens[n]) n++;
    return n;
}
