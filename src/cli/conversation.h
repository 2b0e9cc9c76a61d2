/* The messages of a chat, and the tokens of a prompt made of them. */
#pragma once

#include <jansson.h>

#include "heft.h"

struct conversation {
    json_t *messages; /* array of {"role", "content"} */
};

heft_status conversation_create(struct conversation *conversation, heft_error *error);
void conversation_free(struct conversation *conversation);

heft_status conversation_add(struct conversation *conversation, const char *role, const char *text,
                             size_t n_bytes, heft_error *error);
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
                                int32_t **tokens, int *n_tokens, heft_error *error);

/* All tokens of a text; the caller frees *tokens. */
heft_status encode_text(const heft_engine *engine, const char *text, size_t n_bytes, int flags,
                        int32_t **tokens, int *n_tokens, heft_error *error);
