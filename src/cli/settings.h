/* The options that commands share: which model and how it is opened, how tokens are picked. */
#pragma once

#include "cli/options.h"
#include "heft.h"

/* Tables for heft_options and for struct sampling_settings. */
extern const struct option model_options[], engine_options[], sampling_options[];
extern const int n_model_options, n_engine_options, n_sampling_options;

struct sampling_settings {
    heft_sampling sampling;
    int64_t seed; /* -1: a new one each time */
    struct text_list biases, breakers;
    heft_logit_bias parsed[TEXT_LIST_MAX];
};

struct sampling_settings sampling_settings_default(void);

/* Turns seed, biases and breakers into those of `sampling`, which then points into *settings. */
heft_status sampling_settings_finish(struct sampling_settings *settings, heft_error *error);

/* The demo model where `path` is NULL: $HEFT_DEMO, or where an installation or a checkout has it.
 * `room` holds what is found. Standard error is told when it is the demo
 * model. A folder or the name of a model that lies elsewhere is refused with what can be done. */
heft_status settings_model(const char **path, char *room, size_t n_room, heft_error *error);

/* Opens the engine after a line on standard error that says what it needs, unless `quiet`. */
heft_status settings_open(const heft_options *options, bool quiet, heft_engine **out,
                          heft_error *error);
