/* Reads an answer as it comes and sets apart what its dialect marks: text, thoughts, tool calls.
 * See heft_reader in heft.h for what the events mean. */
#pragma once

#include <jansson.h>

#include "heft.h"
#include "text/dialect.h"

struct reader;

/* `tools` may be NULL: none were offered. `prompt` is the end of the text that the answer follows:
 * some templates begin a thought there. NULL without memory. */
struct reader *reader_create(const struct dialect *dialect, json_t *tools, struct slice prompt);
void reader_free(struct reader *reader);

const struct dialect *reader_dialect(const struct reader *reader);

/* Pieces may be cut anywhere. False without memory: the reader is of no use then. */
bool reader_push(struct reader *reader, const char *text, size_t n_bytes);

/* The answer is over: what was held back becomes events. */
bool reader_finish(struct reader *reader);

/* False if there is no event left. Texts are valid until the next push. */
bool reader_next(struct reader *reader, heft_event *event);
