#include "plan/catalogue.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "plan/anatomy.h"
#include "plan/catalogue_data.h"

enum { NAME_ROOM = 96 };

struct catalogue {
    json_t *root, *models; /* borrowed from root */
    struct box *boxes;
    int n_boxes;
};

static heft_status read_boxes(struct catalogue *catalogue, heft_error *error);
static struct box read_box(const json_t *entry);
static double number_of(const json_t *object, const char *key);
static void copy_text(char *to, size_t n_room, const json_t *object, const char *key);
static const json_t *model_of(const struct catalogue *catalogue, int model);
static bool has_words(const char *id, const char *words);
static bool same_name(const char *a, const char *b);
static char plain(char c);

heft_status catalogue_open(struct catalogue **out, heft_error *error)
{
    return catalogue_parse((const char *)catalogue_data, catalogue_data_bytes, out, error);
}

heft_status catalogue_parse(const char *text, size_t n_bytes, struct catalogue **out,
                            heft_error *error)
{
    struct catalogue *catalogue = calloc(1, sizeof *catalogue);
    if (!catalogue) return error_set(error, HEFT_INTERNAL, "no memory for the catalogue");
    json_error_t problem;
    catalogue->root = json_loadb(text, n_bytes, 0, &problem);
    catalogue->models = json_object_get(catalogue->root, "models");
    heft_status status = HEFT_OK;
    if (!catalogue->root)
        status = error_set(error, HEFT_BAD_FILE, "the catalogue, line %d: %s", problem.line,
                           problem.text);
    else if (!json_is_array(catalogue->models))
        status = error_set(error, HEFT_BAD_FILE, "the catalogue has no list of models");
    if (status == HEFT_OK) status = read_boxes(catalogue, error);
    if (status != HEFT_OK) {
        catalogue_close(catalogue);
        return status;
    }
    *out = catalogue;
    return HEFT_OK;
}

void catalogue_close(struct catalogue *catalogue)
{
    if (!catalogue) return;
    json_decref(catalogue->root);
    free(catalogue->boxes);
    free(catalogue);
}

int catalogue_n_models(const struct catalogue *catalogue)
{
    return (int)json_array_size(catalogue->models);
}

const char *catalogue_id(const struct catalogue *catalogue, int model)
{
    const char *id = json_string_value(json_object_get(model_of(catalogue, model), "id"));
    return id ? id : "";
}

const char *catalogue_alias(const struct catalogue *catalogue, int model, int index)
{
    const json_t *aliases = json_object_get(model_of(catalogue, model), "aliases");
    return json_string_value(json_array_get(aliases, (size_t)index));
}

int catalogue_find(const struct catalogue *catalogue, const char *name)
{
    for (int i = 0; i < catalogue_n_models(catalogue); i++) {
        if (same_name(catalogue_id(catalogue, i), name)) return i;
        const char *alias;
        for (int j = 0; (alias = catalogue_alias(catalogue, i, j)); j++)
            if (same_name(alias, name)) return i;
    }
    return -1;
}

bool catalogue_is_variant(const struct catalogue *catalogue, int model)
{
    return json_is_string(json_object_get(model_of(catalogue, model), "same_as"));
}

bool catalogue_has_geometry(const struct catalogue *catalogue, int model)
{
    return json_is_object(json_object_get(model_of(catalogue, model), "geometry"));
}

heft_status catalogue_geometry(const struct catalogue *catalogue, int model, struct geometry *out,
                               heft_error *error)
{
    const json_t *entry = model_of(catalogue, model);
    const char *id = catalogue_id(catalogue, model);
    *out = (struct geometry){0};
    if (!catalogue_has_geometry(catalogue, model))
        return error_set(error, HEFT_BAD_FILE, "%s: its layers differ, nobody has described them",
                         id);
    copy_text(out->name, sizeof out->name, entry, "id");
    copy_text(out->architecture, sizeof out->architecture, entry, "gguf_arch");
    copy_text(out->native, sizeof out->native, entry, "native_dtype");
    out->n_ctx_train = (int)number_of(entry, "context");
    out->experts_mxfp4 = strncmp(out->native, "mxfp4 experts", 13) == 0;
    double extra =
        number_of(entry, "params_computed_with_mtp") - number_of(entry, "params_computed");
    if (extra > 0) out->extra_parameters = (int64_t)extra;
    heft_status status = anatomy_build(json_object_get(entry, "geometry"), out, error);
    double fixed = number_of(entry, "kv_fixed_bytes");
    if (out->cache.n_window == 0 && fixed > 0) out->cache.fixed_bytes = (int64_t)fixed;
    if (status == HEFT_OK) return HEFT_OK;
    geometry_free(out);
    return error_prefix(error, status, id);
}

uint64_t catalogue_published_bytes(const struct catalogue *catalogue, int model, const char *mix)
{
    const json_t *sizes = json_object_get(model_of(catalogue, model), "sizes");
    return (uint64_t)number_of(json_object_get(sizes, mix), "bytes");
}

double catalogue_published_parameters(const struct catalogue *catalogue, int model)
{
    return number_of(model_of(catalogue, model), "params_published");
}

const struct box *catalogue_boxes(const struct catalogue *catalogue, int *n)
{
    *n = catalogue->n_boxes;
    return catalogue->boxes;
}

const struct box *catalogue_box(const struct catalogue *catalogue, const char *name)
{
    for (int i = 0; i < catalogue->n_boxes; i++)
        if (same_name(catalogue->boxes[i].id, name)) return &catalogue->boxes[i];
    const struct box *only = NULL;
    for (int i = 0; i < catalogue->n_boxes; i++) {
        if (!has_words(catalogue->boxes[i].id, name)) continue;
        if (only) return NULL;
        only = &catalogue->boxes[i];
    }
    return only;
}

/* Whole words, in a row. */
static bool has_words(const char *id, const char *words)
{
    size_t n = strlen(words);
    for (const char *at = id; n > 0; at++) {
        bool same = strncasecmp(at, words, n) == 0;
        if (same && (at[n] == '-' || at[n] == 0)) return true;
        at = strchr(at, '-');
        if (!at) break;
    }
    return false;
}

static heft_status read_boxes(struct catalogue *catalogue, heft_error *error)
{
    const json_t *hardware = json_object_get(catalogue->root, "hardware");
    size_t n = json_array_size(hardware);
    catalogue->boxes = calloc(n + 1, sizeof *catalogue->boxes);
    if (!catalogue->boxes) return error_set(error, HEFT_INTERNAL, "no memory for the boxes");
    catalogue->n_boxes = (int)n;
    for (size_t i = 0; i < n; i++) catalogue->boxes[i] = read_box(json_array_get(hardware, i));
    return HEFT_OK;
}

/* Sizes of memory are powers of two, whatever the label says; rates are in powers of ten. */
static struct box read_box(const json_t *entry)
{
    const double gib = (double)((uint64_t)1 << 30);
    uint64_t memory = (uint64_t)(number_of(entry, "memory_gb") * gib);
    struct box box = box_make(memory, number_of(entry, "bandwidth_gbs") * 1e9);
    copy_text(box.id, sizeof box.id, entry, "id");
    copy_text(box.name, sizeof box.name, entry, "name");
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    if (kind && strcmp(kind, "unified") == 0) box.kind = BOX_UNIFIED;
    if (kind && strcmp(kind, "discrete") == 0) box.kind = BOX_DISCRETE;
    box.is_macos = strncmp(box.id, "mac", 3) == 0;
    double usable = number_of(entry, "gpu_usable_gb_default");
    double raised = number_of(entry, "gpu_usable_gb_raised");
    if (usable > 0) box.usable = box.usable_raised = (uint64_t)(usable * gib);
    if (raised > usable) box.usable_raised = (uint64_t)(raised * gib);
    box.flops = number_of(entry, "f16_tflops") * 1e12;
    box.host_bandwidth = number_of(entry, "host_bandwidth_gbs") * 1e9;
    box.watts = number_of(entry, "power_w");
    box.price = number_of(entry, "price_usd_launch");
    double drive = number_of(entry, "drive_gbs") * 1e9;
    if (drive > 0) box.drive = drive;
    box.drive_assumed = drive <= 0;
    copy_text(box.note, sizeof box.note, entry, "availability");
    return box;
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void copy_text(char *to, size_t n_room, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(to, n_room, "%s", text ? text : "");
}

static const json_t *model_of(const struct catalogue *catalogue, int model)
{
    return json_array_get(catalogue->models, (size_t)model);
}

static bool same_name(const char *a, const char *b)
{
    while (*a && plain(*a) == plain(*b)) a++, b++;
    return *a == 0 && *b == 0;
}

static char plain(char c)
{
    return c == ' ' || c == '_' ? '-' : (char)tolower((unsigned char)c);
}
