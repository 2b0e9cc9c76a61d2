/* Dialects: how the models of a family mark up an answer, as data. Each was trained to set its
 * thoughts and its tool calls apart in a way of its own.
 *
 * A call is described by a pattern that reads like the text itself: a line end stands for any white
 * space or none, and
 *   {call}        a JSON object with the name and the arguments, in any order
 *   {calls}       a JSON list of them, or one alone
 *   {name}        the name of the tool
 *   {id}          an identifier with the name in it
 *   {kind}        a word that says nothing
 *   {arguments}   JSON
 *   {parameters}  any number of the dialect's `parameter` with a {key} and a {value}
 *   {python}      {call}, or name.call(key="value"), or code for a Python interpreter */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

struct tokenizer;

enum { DIALECT_CLUES = 3, DIALECT_HIDDEN = 8, DIALECT_TAILS = 2 };

struct dialect {
    const char *name;
    const char *thought_begin, *thought_end;
    const char *calls_begin, *calls_end; /* around all calls; may be left out by the model */
    const char *calls_begin_too, *calls_end_too; /* what models write instead */
    const char *call, *parameter;                /* patterns; NULL: none */
    const char *tails[DIALECT_TAILS];   /* what models write instead of the end of the pattern */
    const char *hidden[DIALECT_HIDDEN]; /* marks that say nothing, and those of channels */
    bool plain;          /* a call begins with ordinary text, and so only if tools were offered */
    bool bare;           /* an answer that is nothing but {call}, the same */
    bool ends_thought;   /* a call ends the thought before it, whatever the model left out */
    bool value_on_lines; /* a value stands on lines of its own */
    bool channels;       /* messages in channels: see reader_channel.c */
    const char *clues[DIALECT_CLUES];  /* all of them in a chat template give the dialect away */
    const char *tokens[DIALECT_CLUES]; /* else: special tokens of the vocabulary */
};

/* NULL: no such name. */
const struct dialect *dialect_find(const char *name);

/* NULL outside of the list. */
const struct dialect *dialect_at(int index);

/* By the chat template, which may be "", else by the vocabulary; "none" if neither says. */
const struct dialect *dialect_guess(struct slice template_source,
                                    const struct tokenizer *tokenizer);

/* Whether the text of a control token belongs to the marks of the dialect. */
bool dialect_has_mark(const struct dialect *dialect, struct slice text);
