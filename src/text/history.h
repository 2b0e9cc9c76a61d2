/* Messages as a template wants them. Clients write tool calls and thoughts one way, templates read
 * them another: some join the arguments to a text, others walk through an object; some look at tool
 * calls only where there is no content, others write "None" for it. What a template wants is found
 * out by trying. */
#pragma once

#include "text/template.h"

struct history {
    bool null_content;   /* beside tool calls: null, not "" */
    bool text_arguments; /* JSON in a string, not an object */
};

struct history history_probe(const struct template *template);

/* Rewrites an array of messages; false without memory. A thought is known by the names that
 * templates have for it: reasoning_content, reasoning, thinking. */
bool history_apply(const struct history *history, json_t *messages);
