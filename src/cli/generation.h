/* What `heft run` and `heft chat` have in common: their options and the three objects they need. */
#pragma once

#include "cli/answer.h"
#include "cli/conversation.h"
#include "cli/settings.h"

enum reasoning { REASONING_SHOW, REASONING_HIDE, REASONING_OFF };

struct generation {
    heft_options options;
    struct sampling_settings sampling;
    const char *system;
    int n_predict;
    bool ignore_end, quiet;
    enum reasoning reasoning;
    const char *tools_path, *dialect;
    struct text_list stops;
    char model_room[4400]; /* the path of the demo model, if that is used */

    heft_engine *engine;
    heft_session *session;
    heft_sampler *sampler;
    heft_info info;
    char *tools; /* what is in the file; NULL: none are offered */
};

/* The groups of options for a struct generation; returns how many. */
enum { GENERATION_GROUPS = 4 };
void generation_groups(struct generation *generation, struct option_group groups[]);

struct generation generation_default(void);

/* `heft run model.gguf PROMPT`: a first word that ends in .gguf is the model where -m gives none.
 */
void generation_take_model(struct generation *generation, struct words *words);

/* After the options are parsed: checks them, opens engine and session, creates the sampler. */
heft_status generation_open(struct generation *generation, heft_error *error);
void generation_close(struct generation *generation);

/* Makes the sampler again from changed settings. */
heft_status generation_new_sampler(struct generation *generation, heft_error *error);

/* A request for these tokens with the settings. */
struct answer_request generation_request(const struct generation *generation, const int32_t *tokens,
                                         int n_tokens);

/* How a conversation is rendered with the settings. */
struct conversation_terms generation_terms(const struct generation *generation);
