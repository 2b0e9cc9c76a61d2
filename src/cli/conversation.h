/* The messages of a chat, and the tokens of a prompt made of them. */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "heft.h"

struct conversation {
    json_t *messages; /* array of {"role", "content"}, as OpenAI's API has them */
};

/* What goes to the template beside the messages: JSON, or NULL. */
struct conversation_terms {
    const char *tools; /* array */
    const char *extra; /* object */
};

heft_status conversation_create(struct conversation *conversation, heft_error *error);
void conversation_free(struct conversation *conversation);

heft_status conversation_add(struct conversation *conversation, const char *role, const char *text,
                             size_t n_bytes, heft_error *error);

/* `thought` may be empty, `calls` is NULL or an array. */
heft_status conversation_add_answer(struct conversation *conversation, const struct buffer *content,
                                    const struct buffer *thought, json_t *calls, heft_error *error);

/* The result of the first tool call of the last answer that has none yet; *n_open becomes the
 * number of calls that still wait. */
heft_status conversation_add_result(struct conversation *conversation, const char *text,
                                    int *n_open, heft_error *error);

void conversation_clear(struct conversation *conversation); /* all but a system message */
int conversation_length(const struct conversation *conversation);

/* Puts the system message in front, or takes it away where `text` is "". */
heft_status conversation_set_system(struct conversation *conversation, const char *text,
                                    heft_error *error);

/* Removes the last message if it is of this role. */
bool conversation_drop_last(struct conversation *conversation, const char *role);

heft_status conversation_save(const struct conversation *conversation, const char *path,
                              heft_error *error);
heft_status conversation_load(struct conversation *conversation, const char *path,
                              heft_error *error);

/* Renders the chat template of the model and tokenises the result; the caller frees *tokens. */
heft_status conversation_encode(const struct conversation *conversation, const heft_engine *engine,
                                const struct conversation_terms *terms, int32_t **tokens,
                                int *n_tokens, heft_error *error);

/* All tokens of a text; the caller frees *tokens. */
heft_status encode_text(const heft_engine *engine, const char *text, size_t n_bytes, int flags,
                        int32_t **tokens, int *n_tokens, heft_error *error);
