#include "cli/settings.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "cli/model_word.h"
#include "cli/output.h"
#include "cli/visible.h"

enum { CONTEXT_MOST = 1 << 24, THREADS_MOST = 1024, BATCH_MOST = 1 << 16, WINDOW_MOST = 1 << 20 };

static heft_status find_demo(const char **path, char *room, size_t n_room, heft_error *error);
static heft_status parse_bias(const char *text, heft_logit_bias *out, heft_error *error);
static uint64_t new_seed(void);
static bool program_folder(char *folder, size_t cap);
static void print_memory(const heft_engine *engine);

/* The order of heft_kv_type. */
static const char *const kv_names[] = {"f16", "q8_0", "f32", NULL};

/* -1 is HEFT_CONTEXT_AUTO. */
static const char *const context_words[] = {"auto", NULL};

const struct option model_options[] = {
    {"-m --model", OPTION_TEXT, offsetof(heft_options, model), "FILE",
     "GGUF file; any part of a split model (the demo model)", 0, 0, NULL},
};
const int n_model_options = sizeof model_options / sizeof *model_options;

const struct option engine_options[] = {
    {"-c --ctx-size --ctx --num-ctx", OPTION_INT, offsetof(heft_options, n_ctx), "N",
     "tokens the context holds (0: the trained context, at most 4096;\nauto: as many as fit)", 0,
     CONTEXT_MOST, context_words},
    {"-t --threads", OPTION_INT, offsetof(heft_options, n_threads), "N",
     "threads (0: one for each core)", 0, THREADS_MOST, NULL},
    {"-b --batch-size", OPTION_INT, offsetof(heft_options, n_batch), "N",
     "tokens of the prompt computed together (0: 512)", 0, BATCH_MOST, NULL},
    {"-ctk --kv-type --cache-type-k", OPTION_CHOICE, offsetof(heft_options, kv_type), "TYPE",
     "numbers of the key-value cache: f16, q8_0 (half the memory), f32", 0, 0, kv_names},
    {"--ignore-limit", OPTION_FLAG, offsetof(heft_options, ignore_limit), NULL,
     "open the model even if the memory is not there", 0, 0, NULL},
    {"--allow-holes", OPTION_FLAG, offsetof(heft_options, allow_holes), NULL,
     "open the model even if parts of its weights were never written", 0, 0, NULL},
};
const int n_engine_options = sizeof engine_options / sizeof *engine_options;

#define AT(field) offsetof(struct sampling_settings, field)

const struct option sampling_options[] = {
    {"-s --seed", OPTION_INT64, AT(seed), "N", "same seed, same answer (-1: a new one)", -1, 0x1p53,
     NULL},
    {"--temp --temperature", OPTION_FLOAT, AT(sampling.temperature), "T",
     "higher is more daring; 0 always takes the likeliest token (0.8)", 0, 100, NULL},
    {"--top-k", OPTION_INT, AT(sampling.top_k), "N", "only the N likeliest tokens (40; 0: off)", 0,
     INT_MAX, NULL},
    {"--top-p", OPTION_FLOAT, AT(sampling.top_p), "P",
     "the fewest tokens with probability P together (0.95; 1: off)", 0, 1, NULL},
    {"--min-p", OPTION_FLOAT, AT(sampling.min_p), "P",
     "only tokens P times as likely as the likeliest (0.05; 0: off)", 0, 1, NULL},
    {"--typical --typical-p", OPTION_FLOAT, AT(sampling.typical_p), "P",
     "tokens of typical surprise with probability P together (1: off)", 0, 1, NULL},
    {"--repeat-penalty", OPTION_FLOAT, AT(sampling.repeat_penalty), "X",
     "divides the logits of tokens that occurred (1: off)", 0.01, 100, NULL},
    {"--repeat-last-n", OPTION_INT, AT(sampling.penalty_last_n), "N",
     "tokens the penalties look back on (64; -1: all)", -1, WINDOW_MOST, NULL},
    {"--presence-penalty", OPTION_FLOAT, AT(sampling.presence_penalty), "X",
     "taken from the logits of tokens that occurred (0: off)", -100, 100, NULL},
    {"--frequency-penalty", OPTION_FLOAT, AT(sampling.frequency_penalty), "X",
     "the same for every time they occurred (0: off)", -100, 100, NULL},
    {"--dry-multiplier", OPTION_FLOAT, AT(sampling.dry_multiplier), "X",
     "DRY: against repeated sequences (0: off; 0.8 is usual)", 0, 100, NULL},
    {"--dry-base", OPTION_FLOAT, AT(sampling.dry_base), "X",
     "DRY: growth with each repeated token (1.75)", 1, 100, NULL},
    {"--dry-allowed-length", OPTION_INT, AT(sampling.dry_allowed_length), "N",
     "DRY: sequences this long are the first to be penalised (2)", 1, WINDOW_MOST, NULL},
    {"--dry-penalty-last-n --dry-last-n", OPTION_INT, AT(sampling.dry_last_n), "N",
     "DRY: tokens looked back on (-1: all)", -1, WINDOW_MOST, NULL},
    {"--dry-sequence-breaker --dry-breaker", OPTION_LIST, AT(breakers), "TEXT",
     "DRY: ends a sequence, instead of line end : \" *\n(repeatable; \"none\": nothing does)", 0, 0,
     NULL},
    {"--xtc-probability", OPTION_FLOAT, AT(sampling.xtc_probability), "P",
     "XTC: how often the likeliest tokens are left out (0: off)", 0, 1, NULL},
    {"--xtc-threshold", OPTION_FLOAT, AT(sampling.xtc_threshold), "P",
     "XTC: those with at least this probability, but one (0.1)", 0, 1, NULL},
    {"-l --logit-bias", OPTION_LIST, AT(biases), "ID+/-B",
     "adds B to the logit of a token: 15043+1, 2-inf\n(repeatable)", 0, 0, NULL},
};
const int n_sampling_options = sizeof sampling_options / sizeof *sampling_options;

struct sampling_settings sampling_settings_default(void)
{
    return (struct sampling_settings){.sampling = heft_sampling_default(), .seed = -1};
}

heft_status sampling_settings_finish(struct sampling_settings *settings, heft_error *error)
{
    heft_sampling *sampling = &settings->sampling;
    sampling->seed = settings->seed < 0 ? new_seed() : (uint64_t)settings->seed;
    for (int i = 0; i < settings->biases.n_items; i++) {
        heft_status status = parse_bias(settings->biases.items[i], &settings->parsed[i], error);
        if (status != HEFT_OK) return status;
    }
    sampling->biases = settings->parsed;
    sampling->n_biases = settings->biases.n_items;
    if (settings->breakers.n_items > 0) {
        bool none = strcmp(settings->breakers.items[0], "none") == 0;
        sampling->dry_breakers = settings->breakers.items + none;
        sampling->n_dry_breakers = settings->breakers.n_items - none;
    }
    return HEFT_OK;
}

heft_status settings_model(const char **path, char *room, size_t n_room, heft_error *error)
{
    if (*path) return model_word_check(*path, error);
    heft_status status = find_demo(path, room, n_room, error);
    if (status == HEFT_OK)
        visible_print(stderr, "no model is given (-m FILE): this is the demo model, %s\n", *path);
    return status;
}

static heft_status find_demo(const char **path, char *room, size_t n_room, heft_error *error)
{
    static const char *const places[] = {
        "../share/heft/demo.gguf",     /* bin/heft of an installation */
        "../models/demo/demo.gguf",    /* build/heft of a checkout */
        "../../models/demo/demo.gguf", /* build/san/heft */
    };
    const char *demo = getenv("HEFT_DEMO");
    if (demo && demo[0]) {
        *path = demo;
        return HEFT_OK;
    }
    char folder[4096];
    *path = room;
    for (size_t i = 0; program_folder(folder, sizeof folder) && i < sizeof places / sizeof *places;
         i++) {
        int length = snprintf(room, n_room, "%s%s", folder, places[i]);
        if (length > 0 && (size_t)length < n_room && file_exists(room)) return HEFT_OK;
    }
    /* Where the system does not say which file runs. */
    *path = file_exists(HEFT_PREFIX "/share/heft/demo.gguf") ? HEFT_PREFIX "/share/heft/demo.gguf"
                                                             : "models/demo/demo.gguf";
    if (file_exists(*path)) return HEFT_OK;
    *path = NULL;
    return error_set(error, HEFT_USAGE,
                     "no model is given and the demo model is not installed: use -m FILE");
}

heft_status settings_open(const heft_options *options, bool quiet, heft_engine **out,
                          heft_error *error)
{
    heft_status status = heft_engine_open(options, out, error);
    if (status == HEFT_OK && !quiet) print_memory(*out);
    return status;
}

/* "15043+1.5", "2-inf" */
static heft_status parse_bias(const char *text, heft_logit_bias *out, heft_error *error)
{
    char *sign, *end;
    errno = 0;
    long token = strtol(text, &sign, 10);
    double bias = *sign == '+' || *sign == '-' ? strtod(sign, &end) : NAN;
    if (sign == text || errno || token < 0 || token > INT32_MAX || isnan(bias) || *end)
        return error_set(error, HEFT_USAGE,
                         "--logit-bias needs a token and a signed number, as in 15043+1 or 2-inf, "
                         "not \"%s\"",
                         text);
    *out = (heft_logit_bias){.token = (int32_t)token, .bias = (float)bias};
    return HEFT_OK;
}

/* Short enough to be given back with --seed. */
static uint64_t new_seed(void)
{
    struct rng rng = {clock_ns() ^ (uint64_t)getpid() << 40};
    return rng_next(&rng) >> 32;
}

/* With the slash at the end. False where there is no /proc. */
static bool program_folder(char *folder, size_t cap)
{
    ssize_t n = readlink("/proc/self/exe", folder, cap - 1);
    folder[n > 0 ? n : 0] = 0;
    char *slash = strrchr(folder, '/');
    if (slash) slash[1] = 0;
    return slash != NULL;
}

static void print_memory(const heft_engine *engine)
{
    heft_info info;
    char weights[16], kv[16], scratch[16], available[16];
    heft_engine_info(engine, &info);
    const heft_memory *memory = &info.memory;
    bool fits = memory->weights + memory->kv + memory->scratch <= memory->available;
    visible_print(stderr, "%s: weights %s · cache of %d tokens %s · scratch %s · of %s available",
                  fits ? "fits" : "does not fit", output_bytes(weights, memory->weights),
                  memory->n_ctx, output_bytes(kv, memory->kv),
                  output_bytes(scratch, memory->scratch),
                  output_bytes(available, memory->available));
    if (memory->n_ctx_most > memory->n_ctx)
        fprintf(stderr, " · up to %d tokens fit", memory->n_ctx_most);
    fputc('\n', stderr);
    if (info.n_ctx > info.n_ctx_train)
        fprintf(stderr, "the model was trained for %d tokens: beyond them it answers worse\n",
                info.n_ctx_train);
}
