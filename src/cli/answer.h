/* One answer: the prompt goes into the session, tokens come out until something ends it. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "base/buffer.h"
#include "cli/options.h"
#include "cli/reply.h"
#include "heft.h"

struct answer_request {
    heft_engine *engine;
    heft_session *session; /* what it shares with the prompt is kept */
    heft_sampler *sampler;
    const int32_t *tokens; /* the whole prompt */
    int n_tokens;
    int n_predict;   /* -1: until the model or the context ends */
    bool ignore_end; /* tokens that end a turn are never picked */
    const struct text_list *stops;
    int n_logprobs;          /* -1: none are collected */
    FILE *stream, *thoughts; /* where text goes as it comes; NULL: nowhere */
    const char *tools;       /* JSON, or NULL */
    const char *dialect;     /* NULL: the one of the model */
    bool continues;          /* as in heft_reading */
};

enum answer_end { ANSWER_END, ANSWER_STOP_TEXT, ANSWER_LENGTH, ANSWER_CONTEXT, ANSWER_CANCELLED };

struct answer {
    enum answer_end end;
    struct reply reply;
    int32_t *tokens; /* [n_tokens] */
    int n_tokens;
    json_t *logprobs;       /* array, or NULL */
    int n_reused, n_prompt; /* tokens of the prompt that were there, and that were computed */
    int n_steps;            /* computed one token at a time */
    double prompt_seconds, step_seconds;
};

/* SIGINT ends the answer, with ANSWER_CANCELLED and HEFT_OK. */
heft_status answer_run(const struct answer_request *request, struct answer *answer,
                       heft_error *error);
void answer_free(struct answer *answer);

const char *answer_end_name(enum answer_end end);

/* "prompt 12 tokens, 80.1 tok/s · answer 30 tokens, 9.2 tok/s" to standard error. */
void answer_print_speed(const struct answer *answer);
double answer_rate(int n_tokens, double seconds);
