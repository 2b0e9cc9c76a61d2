/* heft plan: what will work on which machine, before anything is downloaded or bought. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/hints.h"
#include "cli/plan_here.h"
#include "cli/plan_print.h"
#include "cli/plan_svg.h"
#include "cli/settings.h"
#include "cli/terminal.h"

enum { SESSIONS_MOST = 4096, MODELS_MOST = 128 };

struct planning {
    heft_options options; /* as they would be given to `heft run` */
    const char *on, *memory_text, *svg, *service, *quantization;
    float bandwidth, kwh, years;
    bool table, json, boxes, models, measure;
    enum { BARS_AUTO, BARS_ON, BARS_OFF } bars;

    struct catalogue *catalogue;
    struct box box;
    struct prices prices;
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status answer(struct planning *planning, const char *name, heft_error *error);
static heft_status plan_one(struct planning *planning, const char *name, heft_error *error);
static heft_status plan_table(struct planning *planning, heft_error *error);
static heft_status list_boxes(const struct planning *planning, heft_error *error);
static heft_status list_models(const struct planning *planning, heft_error *error);
static heft_status find_box(struct planning *planning, const char *model, heft_error *error);
static heft_status find_on(struct planning *planning, heft_error *error);
static heft_status parse_memory(const char *text, uint64_t *out, heft_error *error);
static heft_status parse_prices(struct planning *planning, heft_error *error);
static struct question question_of(const struct planning *planning);
static heft_status read_models(const struct planning *planning, struct geometry *models,
                               int *n_models, heft_error *error);
static bool bars_wanted(const struct planning *planning, struct bar_style *style);
static bool svg_is_output(const struct planning *planning);

static const char *const bars_names[] = {"auto", "on", "off", NULL};

#define AT(field) offsetof(struct planning, field)

static const struct option plan_options[] = {
    {"--on", OPTION_TEXT, AT(on), "BOX", "a machine of --boxes, as m3-ultra-256 (this machine)", 0,
     0, NULL},
    {"--memory", OPTION_TEXT, AT(memory_text), "SIZE",
     "a machine with this much memory: 96G (of 2^30 bytes)", 0, 0, NULL},
    {"--bandwidth", OPTION_FLOAT, AT(bandwidth), "N", "its memory gives N GB (1e9 bytes) a second",
     0, 1e6, NULL},
    {"-np --parallel --n-parallel", OPTION_INT, AT(options.n_sessions), "N",
     "sessions at the same time (1)", 1, SESSIONS_MOST, NULL},
    {"--quantization --quant", OPTION_TEXT, AT(quantization), "NAME",
     "of a model of the catalogue: Q2_K, mlx-4bit ... (Q4_K_M)", 0, 0, NULL},
    {"--compare-api", OPTION_TEXT, AT(service), "IN/OUT",
     "dollars a service takes for a million tokens: 0.55/2.19", 0, 0, NULL},
    {"--kwh", OPTION_FLOAT, AT(kwh), "DOLLARS", "price of electricity (0.15)", 0, 100, NULL},
    {"--years", OPTION_FLOAT, AT(years), "N", "the machine is used for so long (3)", 0.1, 100,
     NULL},
    {"--table", OPTION_FLAG, AT(table), NULL, "all models of the catalogue on 96 to 512 GB", 0, 0,
     NULL},
    {"--boxes", OPTION_FLAG, AT(boxes), NULL, "list the machines of the catalogue", 0, 0, NULL},
    {"--models", OPTION_FLAG, AT(models), NULL, "list the models of the catalogue", 0, 0, NULL},
    {"--measure", OPTION_FLAG, AT(measure), NULL, "measure this machine again", 0, 0, NULL},
    {"--bars", OPTION_CHOICE, AT(bars), "WHEN",
     "draw the memory as bars: auto (on a terminal), on or off", 0, 0, bars_names},
    {"--svg", OPTION_TEXT, AT(svg), "FILE",
     "write a picture of the plan or the table; - is standard output", 0, 0, NULL},
    {"--json", OPTION_FLAG, AT(json), NULL, "print JSON; docs/plan.md explains the fields", 0, 0,
     NULL},
};

const struct command command_plan = {
    .name = "plan",
    .usage = "[options] MODEL",
    .summary = "say what will work, how fast, and what would instead",
    .details =
        "Says whether a model fits a machine, how much context is left, and how fast it can go,\n"
        "from headers alone. MODEL is a GGUF file, a folder, a name of the catalogue\n"
        "(command-r-plus, llama3.1:405b, deepseek-r1:Q2_K), or org/repo[:Q4_K_M] on a hub, of\n"
        "which only headers are fetched. GB are 1e9 bytes, as files are listed; memory is sold in\n"
        "GiB of 2^30. The exit status is 0 whatever the verdict: scripts read it with --json.",
    .examples = "  heft plan llama3.1:405b --on m3-ultra-256\n"
                "  heft plan model.gguf -c 32768 -np 4 -ctk q8_0\n"
                "  heft plan deepseek-r1 --memory 512G --bandwidth 819 --compare-api 0.55/2.19\n"
                "  heft plan unsloth/DeepSeek-R1-GGUF:Q2_K\n"
                "  heft plan --table --svg table.svg\n"
                "  heft plan dbrx --json | jq -r .verdict\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct planning planning = {.options = heft_options_default(), .kwh = 0.15f, .years = 3};
    const struct option_group groups[] = {
        OPTION_GROUP("Options", plan_options, &planning),
        {"Model", model_options, n_model_options, &planning.options},
        {"Engine", engine_options, n_engine_options, &planning.options},
    };
    struct words words;
    heft_status status = command_parse(self, groups, 3, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;
    const char *name = words.n_items > 0 ? words.items[0] : planning.options.model;
    if (words.n_items + (planning.options.model != NULL) > 1)
        return error_set(error, HEFT_USAGE, "plan takes one model");
    bool lists = planning.table || planning.boxes || planning.models;
    if (!name && !lists)
        return error_set(error, HEFT_USAGE,
                         "a model is missing: `heft plan llama3.1:405b`, or --models lists some");
    if (planning.svg && (planning.boxes || planning.models))
        return error_set(error, HEFT_USAGE, "--svg draws a plan or --table, not a list");
    if (planning.svg && strcmp(planning.svg, "-") == 0 && planning.json)
        return error_set(error, HEFT_USAGE, "--json and --svg - cannot both have standard output");
    if (name && lists)
        return error_set(error, HEFT_USAGE, "a list takes no model: leave away \"%s\"", name);
    status = parse_prices(&planning, error);
    if (status == HEFT_OK) status = catalogue_open(&planning.catalogue, error);
    if (status == HEFT_OK) status = answer(&planning, name, error);
    catalogue_close(planning.catalogue);
    return status;
}

static heft_status answer(struct planning *planning, const char *name, heft_error *error)
{
    if (planning->boxes) return list_boxes(planning, error);
    if (planning->models) return list_models(planning, error);
    if (planning->table) return plan_table(planning, error);
    return plan_one(planning, name, error);
}

static heft_status plan_one(struct planning *planning, const char *name, heft_error *error)
{
    struct subject subject;
    heft_status status =
        subject_open(planning->catalogue, name, &planning->options, &subject, error);
    if (status != HEFT_OK) return status;
    struct question question = question_of(planning);
    if (planning->quantization && subject.source != SUBJECT_CATALOGUE) {
        subject_close(&subject);
        return error_set(error, HEFT_USAGE,
                         "%s: --quantization is for models of the catalogue; a file has the types "
                         "it has",
                         name);
    }
    if (planning->quantization) {
        subject.mix = question.mix;
        snprintf(subject.quantization, sizeof subject.quantization, "%s", subject.mix->name);
        subject.published_bytes = 0;
    }
    question.mix = subject.mix;
    question.model = &subject.geometry;
    question.scratch = subject.scratch;
    if (question.kv == DTYPE_Q8_0 && !subject.geometry.cache.blocks)
        status = error_set(error, HEFT_USAGE,
                           "%s: its heads are not a multiple of 32 values wide, so the key-value "
                           "cache cannot be q8_0",
                           name);
    bool on_drive = subject.source == SUBJECT_FILE; /* what a hub gave is full of holes */
    if (status == HEFT_OK) status = find_box(planning, on_drive ? subject.path : NULL, error);
    if (status == HEFT_OK) {
        int n_boxes;
        const struct box *boxes = catalogue_boxes(planning->catalogue, &n_boxes);
        question.box = &planning->box;
        struct plan plan = plan_make(&question, boxes, n_boxes);
        struct bar_style bars;
        if (planning->svg) status = plan_svg_save(&subject, &plan, planning->svg, error);
        if (status == HEFT_OK && planning->json)
            status = output_json(plan_json(&subject, &plan), error);
        else if (status == HEFT_OK && !svg_is_output(planning))
            plan_print_text(&subject, &plan, bars_wanted(planning, &bars) ? &bars : NULL);
    }
    subject_close(&subject);
    return status;
}

/* The Macs that were sold with so much memory, or the one machine that was asked for. */
static heft_status plan_table(struct planning *planning, heft_error *error)
{
    static const char *const sizes[] = {"m3-ultra-96", "mac-studio-m4-max-128", "m2-ultra-192",
                                        "m3-ultra-256", "m3-ultra-512"};
    enum { N_SIZES = sizeof sizes / sizeof *sizes };
    struct box boxes[N_SIZES];
    struct geometry models[MODELS_MOST];
    int n_models = 0, n_boxes = 0;
    struct question question = question_of(planning);
    if (!question.mix) question.mix = mix_find("Q4_K_M");
    heft_status status = HEFT_OK;
    if (planning->on || planning->memory_text) {
        status = find_box(planning, NULL, error);
        boxes[n_boxes++] = planning->box;
    } else {
        for (int i = 0; i < N_SIZES; i++)
            boxes[n_boxes++] = *catalogue_box(planning->catalogue, sizes[i]);
    }
    if (status == HEFT_OK) status = read_models(planning, models, &n_models, error);
    struct plan_table table = {0};
    if (status == HEFT_OK)
        status = plan_table_make(&question, models, n_models, boxes, n_boxes, &table, error);
    struct bar_style bars;
    if (status == HEFT_OK && planning->svg)
        status = plan_svg_save_table(&table, planning->svg, error);
    if (status == HEFT_OK && planning->json)
        status = output_json(plan_table_json(&table), error);
    else if (status == HEFT_OK && !svg_is_output(planning))
        plan_print_table(&table, bars_wanted(planning, &bars) ? &bars : NULL);
    plan_table_free(&table);
    for (int i = 0; i < n_models; i++) geometry_free(&models[i]);
    return status;
}

static heft_status list_boxes(const struct planning *planning, heft_error *error)
{
    int n_boxes;
    const struct box *boxes = catalogue_boxes(planning->catalogue, &n_boxes);
    if (planning->json) return output_json(plan_boxes_json(boxes, n_boxes), error);
    plan_print_boxes(boxes, n_boxes);
    return HEFT_OK;
}

static heft_status list_models(const struct planning *planning, heft_error *error)
{
    const struct catalogue *catalogue = planning->catalogue;
    json_t *list = json_array();
    for (int i = 0; i < catalogue_n_models(catalogue); i++) {
        json_t *aliases = json_array();
        const char *alias;
        for (int j = 0; (alias = catalogue_alias(catalogue, i, j)); j++)
            json_array_append_new(aliases, json_string(alias));
        if (!planning->json) {
            printf("%-24s", catalogue_id(catalogue, i));
            for (size_t j = 0; j < json_array_size(aliases); j++)
                printf("%s%s", j ? ", " : " ", json_string_value(json_array_get(aliases, j)));
            putchar('\n');
        }
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "name", catalogue_id(catalogue, i), "aliases", aliases));
    }
    if (planning->json) return output_json(list, error);
    json_decref(list);
    return HEFT_OK;
}

static heft_status find_box(struct planning *planning, const char *model, heft_error *error)
{
    double bandwidth = (double)planning->bandwidth * 1e9;
    if (planning->on && planning->memory_text)
        return error_set(error, HEFT_USAGE, "--on has its memory: leave away --memory");
    if (planning->memory_text) {
        uint64_t memory = 0;
        heft_status status = parse_memory(planning->memory_text, &memory, error);
        planning->box = box_make(memory, bandwidth);
        return status;
    }
    if (planning->on && strcmp(planning->on, "here") != 0) {
        heft_status status = find_on(planning, error);
        if (status == HEFT_OK && bandwidth > 0) planning->box.bandwidth = bandwidth;
        return status;
    }
    const struct here_options options = {.model = model,
                                         .bandwidth = bandwidth,
                                         .again = planning->measure,
                                         .quiet = planning->json};
    return here_box(&options, &planning->box, error);
}

static heft_status find_on(struct planning *planning, heft_error *error)
{
    int n_boxes;
    const struct box *boxes = catalogue_boxes(planning->catalogue, &n_boxes);
    const struct box *box = catalogue_box(planning->catalogue, planning->on);
    if (box) {
        planning->box = *box;
        return HEFT_OK;
    }
    struct nearest nearest = {.wanted = planning->on};
    for (int i = 0; i < n_boxes; i++) {
        nearest_offer(&nearest, boxes[i].id);
        for (const char *dash = boxes[i].id; (dash = strchr(dash, '-')); dash++)
            nearest_offer(&nearest, dash + 1);
    }
    if (nearest.name[0])
        return error_set(error, HEFT_USAGE, "there is no machine \"%s\"; did you mean %s?",
                         planning->on, nearest.name);
    return error_set(error, HEFT_USAGE,
                     "there is no machine \"%s\"; `heft plan --boxes` lists them", planning->on);
}

/* "96G", "96GB", "1.5T", "512M": memory is sold in powers of two. */
static heft_status parse_memory(const char *text, uint64_t *out, heft_error *error)
{
    static const char units[] = "MGT";
    char *end;
    double size = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end >= 'a' ? *end - 32 : *end) : NULL;
    int power = unit ? 20 + 10 * (int)(unit - units) : 30;
    if (unit) end++;
    if (*end == 'i') end++;
    if (*end == 'B' || *end == 'b') end++;
    double bytes = ldexp(size, power);
    if (end == text || *end || !(bytes >= 0x1p20) || bytes > 0x1p50)
        return error_set(error, HEFT_USAGE, "--memory needs a size, as in 96G or 1.5T, not \"%s\"",
                         text);
    *out = (uint64_t)bytes;
    return HEFT_OK;
}

static heft_status parse_prices(struct planning *planning, heft_error *error)
{
    struct prices *prices = &planning->prices;
    *prices = (struct prices){.kwh = (double)planning->kwh, .years = (double)planning->years};
    if (planning->quantization && !mix_find(planning->quantization))
        return error_set(error, HEFT_USAGE,
                         "there is no quantization \"%s\"; usual ones are Q2_K, Q3_K_M, Q4_K_M, "
                         "Q5_K_M, Q6_K, Q8_0 and mlx-4bit",
                         planning->quantization);
    if (!planning->service) return HEFT_OK;
    int n = 0;
    bool valid = sscanf(planning->service, "%lf/%lf%n", &prices->input, &prices->output, &n) == 2 &&
                 planning->service[n] == 0 && prices->input >= 0 && prices->output >= 0 &&
                 prices->input + prices->output < 1e6;
    if (valid) return HEFT_OK;
    return error_set(error, HEFT_USAGE,
                     "--compare-api needs two prices in dollars, as in 0.55/2.19, not \"%s\"",
                     planning->service);
}

static struct question question_of(const struct planning *planning)
{
    static const enum dtype kv[] = {DTYPE_F16, DTYPE_Q8_0, DTYPE_F32}; /* as heft_kv_type */
    const heft_options *options = &planning->options;
    return (struct question){
        .mix = planning->quantization ? mix_find(planning->quantization) : NULL,
        .n_ctx = options->n_ctx,
        .n_sessions = options->n_sessions,
        .n_batch = options->n_batch,
        .kv = kv[options->kv_type],
        .prices = planning->prices,
    };
}

/* Of variants, the first. */
static heft_status read_models(const struct planning *planning, struct geometry *models,
                               int *n_models, heft_error *error)
{
    const struct catalogue *catalogue = planning->catalogue;
    for (int i = 0; i < catalogue_n_models(catalogue) && *n_models < MODELS_MOST; i++) {
        if (!catalogue_has_geometry(catalogue, i) || catalogue_is_variant(catalogue, i)) continue;
        heft_status status = catalogue_geometry(catalogue, i, &models[*n_models], error);
        if (status != HEFT_OK) return status;
        ++*n_models;
    }
    return HEFT_OK;
}

static bool bars_wanted(const struct planning *planning, struct bar_style *style)
{
    *style = bar_style_here();
    return planning->bars == BARS_ON || (planning->bars == BARS_AUTO && terminal_is(STDOUT_FILENO));
}

static bool svg_is_output(const struct planning *planning)
{
    return planning->svg && strcmp(planning->svg, "-") == 0;
}
