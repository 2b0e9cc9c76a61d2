/* The text of an answer, read as its dialect says: what is said goes to one stream as it comes,
 * thoughts to another, tool calls are collected. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "base/buffer.h"
#include "cli/visible.h"
#include "heft.h"

struct reply {
    heft_reader *reader;
    FILE *stream, *thoughts; /* NULL: nowhere */
    struct visible shown, shown_thoughts;
    struct buffer content, thought;
    json_t *calls;                 /* as in the message of a conversation; NULL: none */
    struct buffer name, arguments; /* of the call that is being read */
    bool thinks;                   /* thoughts were the last that was printed */
};

heft_status reply_open(struct reply *reply, const heft_engine *engine, const heft_reading *reading,
                       heft_error *error);
void reply_close(struct reply *reply);

heft_status reply_push(struct reply *reply, const char *text, size_t n_bytes, heft_error *error);
heft_status reply_finish(struct reply *reply, heft_error *error);
