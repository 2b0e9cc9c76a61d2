/* Inside of an engine: a model placed on this machine, with everything a step needs taken at open.
 */
#pragma once

#include "backend/backend.h"
#include "base/flag.h"
#include "engine/batch.h"
#include "model/model.h"
#include "text/dialect.h"
#include "text/history.h"
#include "text/template.h"
#include "text/tokenizer.h"

struct chat_template {
    char *source; /* NULL: the model has none */
    struct template *template;
    heft_error error; /* why there is no template although there is a source */
    struct history history;
};

struct heft_engine {
    heft_options options; /* resolved: no zeros; the path is not kept */
    struct gguf *file;
    struct tokenizer *tokenizer;
    struct chat_template chat, tool_chat; /* the latter where tools are offered, if there is one */
    const struct dialect *dialect;
    char *name;

    /* Absent with vocab_only. */
    struct model *model;
    struct backend *backend;
    struct limits limits;
    struct batch_builder builder;
    struct residency *residency; /* NULL: the weights were in memory */
    struct flag stop;
    heft_memory memory; /* as summed at open */

    heft_session *sessions; /* all that are open */
    int n_sessions;
};

struct heft_session {
    heft_engine *engine;
    heft_session *next;
    struct kv *kv;
    int32_t *tokens; /* [n_ctx] */
    int n_tokens;
};

/* What a session takes besides its cache: for each token of its context, and in any case. */
enum { SESSION_TOKEN_BYTES = sizeof(int32_t) };
uint64_t session_bytes(void);
