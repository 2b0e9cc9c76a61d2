#include "cli/generation.h"

#include <string.h>

#include "base/error.h"

static const struct option answer_options[] = {
    {"-n --predict --n-predict --num-predict", OPTION_INT, offsetof(struct generation, n_predict),
     "N", "tokens of an answer (-1: until the model ends it)", -1, 1 << 24, NULL},
    {"-sys --system --system-prompt", OPTION_TEXT, offsetof(struct generation, system), "TEXT",
     "system message", 0, 0, NULL},
    {"--stop", OPTION_LIST, offsetof(struct generation, stops), "TEXT",
     "ends the answer before this text (repeatable)", 0, 0, NULL},
    {"--ignore-eos", OPTION_FLAG, offsetof(struct generation, ignore_end), NULL,
     "the model may not end the answer, only -n does", 0, 0, NULL},
    {"-q --quiet", OPTION_FLAG, offsetof(struct generation, quiet), NULL,
     "nothing on standard error but errors", 0, 0, NULL},
};

void generation_groups(struct generation *generation, struct option_group groups[])
{
    const struct option_group all[GENERATION_GROUPS] = {
        OPTION_GROUP("Answer", answer_options, generation),
        {"Model", model_options, n_model_options, &generation->options},
        {"Engine", engine_options, n_engine_options, &generation->options},
        {"Sampling", sampling_options, n_sampling_options, &generation->sampling},
    };
    for (int i = 0; i < GENERATION_GROUPS; i++) groups[i] = all[i];
}

struct generation generation_default(void)
{
    return (struct generation){
        .options = heft_options_default(),
        .sampling = sampling_settings_default(),
        .n_predict = -1,
    };
}

void generation_take_model(struct generation *generation, struct words *words)
{
    if (generation->options.model || words->n_items == 0) return;
    const char *word = words->items[0], *suffix = ".gguf";
    size_t n = strlen(word), n_suffix = strlen(suffix);
    if (n <= n_suffix || strcmp(word + n - n_suffix, suffix) != 0) return;
    generation->options.model = word;
    words->items++;
    words->n_items--;
}

heft_status generation_open(struct generation *generation, heft_error *error)
{
    for (int i = 0; i < generation->stops.n_items; i++)
        if (!generation->stops.items[i][0])
            return error_set(error, HEFT_USAGE, "--stop needs a text that is not empty");
    heft_status status = settings_model(&generation->options.model, generation->model_room,
                                        sizeof generation->model_room, error);
    if (status != HEFT_OK) return status;
    status = settings_open(&generation->options, generation->quiet, &generation->engine, error);
    if (status != HEFT_OK) return status;
    heft_engine_info(generation->engine, &generation->info);
    status = heft_session_create(generation->engine, &generation->session, error);
    if (status != HEFT_OK) return status;
    return generation_new_sampler(generation, error);
}

void generation_close(struct generation *generation)
{
    heft_sampler_free(generation->sampler);
    heft_engine_close(generation->engine);
}

heft_status generation_new_sampler(struct generation *generation, heft_error *error)
{
    heft_sampler *sampler;
    heft_status status = sampling_settings_finish(&generation->sampling, error);
    if (status != HEFT_OK) return status;
    status =
        heft_sampler_create(generation->engine, &generation->sampling.sampling, &sampler, error);
    if (status != HEFT_OK) return status;
    heft_sampler_free(generation->sampler);
    generation->sampler = sampler;
    return HEFT_OK;
}

struct answer_request generation_request(const struct generation *generation, const int32_t *tokens,
                                         int n_tokens)
{
    return (struct answer_request){
        .engine = generation->engine,
        .session = generation->session,
        .sampler = generation->sampler,
        .tokens = tokens,
        .n_tokens = n_tokens,
        .n_predict = generation->n_predict,
        .ignore_end = generation->ignore_end,
        .stops = &generation->stops,
        .n_logprobs = -1,
        .stream = stdout,
    };
}
