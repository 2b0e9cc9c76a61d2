#include "hub/choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "hub/split.h"

/* A file that is a part of something; models are runs of members that belong together. */
struct member {
    const struct hub_entry *entry;
    struct split split;
};

struct model {
    const struct member *members;
    int n_members;
    char base[HUB_PATH_BYTES]; /* path without numbering and ending */
};

/* The models of a repository, of one kind of file. */
struct shelf {
    struct member *members;
    struct model *models;
    int n_members, n_models;
};

static heft_status shelf_fill(struct shelf *shelf, const struct hub_name *name,
                              const struct hub_listing *listing, bool gguf, heft_error *error);
static void shelf_free(struct shelf *shelf);
static heft_status find_gguf(const struct shelf *shelf, const struct hub_name *name,
                             const struct model **out, heft_error *error);
static heft_status find_safetensors(const struct shelf *shelf, const struct hub_name *name,
                                    const struct model **out, heft_error *error);
static heft_status take_model(const struct model *model, const struct hub_name *name,
                              struct hub_choice *out, heft_error *error);
static heft_status take_small_files(const struct hub_listing *listing, struct hub_choice *out,
                                    heft_error *error);

heft_status hub_choose(const struct hub_name *name, const struct hub_listing *listing,
                       struct hub_choice *out, heft_error *error)
{
    *out = (struct hub_choice){.gguf = true};
    const char *what = name->repo[0] ? name->repo : name->url;
    struct shelf shelf = {0};
    const struct model *model = NULL;
    heft_status status = shelf_fill(&shelf, name, listing, true, error);
    if (status == HEFT_OK && shelf.n_models > 0) {
        status = find_gguf(&shelf, name, &model, error);
    } else if (status == HEFT_OK) {
        shelf_free(&shelf);
        out->gguf = false;
        status = shelf_fill(&shelf, name, listing, false, error);
        if (status == HEFT_OK && shelf.n_models == 0)
            status = error_set(error, HEFT_BAD_FILE, "%s%s%s: no GGUF or safetensors files in it",
                               what, name->within[0] ? "/" : "", name->within);
        if (status == HEFT_OK) status = find_safetensors(&shelf, name, &model, error);
    }
    if (status == HEFT_OK) status = take_model(model, name, out, error);
    if (status == HEFT_OK && !out->gguf) status = take_small_files(listing, out, error);
    shelf_free(&shelf);
    if (status != HEFT_OK) hub_choice_free(out);
    return status;
}

void hub_choice_free(struct hub_choice *choice)
{
    for (int i = 0; i < choice->n_files; i++) free(choice->files[i].path);
    free(choice->files);
    *choice = (struct hub_choice){0};
}

/* ---- what there is ---- */

static bool ends_with(const char *text, size_t n, const char *ending)
{
    size_t n_ending = strlen(ending);
    return n >= n_ending && strncasecmp(text + n - n_ending, ending, n_ending) == 0;
}

/* Files that are GGUF by format and no model: the eyes of a model, and statistics for quantizing.
 */
static bool is_companion(const char *path)
{
    const char *file = path + split_name_at(path);
    return strcasestr(file, "mmproj") || strcasestr(file, "imatrix");
}

/* The folder of a file of the kind that `within` leads to: all below it for GGUF, as quantizations
 * have folders of their own, but the folder itself for safetensors, as others are other models. */
static bool is_below(const char *path, const char *within, bool gguf)
{
    size_t n = strlen(within);
    if (n > 0 && (strncmp(path, within, n) != 0 || path[n] != '/')) return false;
    const char *rest = n > 0 ? path + n + 1 : path;
    return gguf || !strchr(rest, '/');
}

static bool is_member(const struct member *member, const struct hub_name *name, bool gguf)
{
    const char *path = member->entry->path;
    if (!ends_with(path, member->split.n_name, gguf ? ".gguf" : ".safetensors")) return false;
    if (is_companion(path) && strcmp(path, name->within) != 0) return false;
    return true;
}

static void base_of(const struct member *member, char out[HUB_PATH_BYTES])
{
    snprintf(out, HUB_PATH_BYTES, "%.*s", (int)member->split.n_base, member->entry->path);
}

/* Of one model: same base, same number of parts, same manner of numbering. */
static int compare_models(const struct member *a, const struct member *b)
{
    size_t n = a->split.n_base < b->split.n_base ? a->split.n_base : b->split.n_base;
    int order = memcmp(a->entry->path, b->entry->path, n);
    if (order == 0 && a->split.n_base != b->split.n_base)
        order = a->split.n_base < b->split.n_base ? -1 : 1;
    if (order == 0) order = a->split.n_parts - b->split.n_parts;
    bool piece_a = a->split.n_name == a->split.n_base, piece_b = b->split.n_name == b->split.n_base;
    return order ? order : piece_a - piece_b;
}

static int by_model(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = compare_models(x, y);
    return order ? order : x->split.number - y->split.number;
}

/* `within` may name a file: then the model that it is a part of is meant, and nothing else. */
static bool is_meant(const struct member *members, int n, const struct hub_name *name, bool gguf)
{
    for (int i = 0; i < n; i++)
        if (strcmp(members[i].entry->path, name->within) == 0 ||
            is_below(members[i].entry->path, name->within, gguf))
            return true;
    return false;
}

static heft_status shelf_fill(struct shelf *shelf, const struct hub_name *name,
                              const struct hub_listing *listing, bool gguf, heft_error *error)
{
    size_t n = (size_t)listing->n_entries + 1;
    *shelf = (struct shelf){.members = calloc(n, sizeof *shelf->members),
                            .models = calloc(n, sizeof *shelf->models)};
    if (!shelf->members || !shelf->models)
        return error_set(error, HEFT_INTERNAL, "no memory for the list of files");
    for (int i = 0; i < listing->n_entries; i++) {
        const struct hub_entry *entry = &listing->entries[i];
        struct member member = {entry, split_parse(entry->path)};
        if (is_member(&member, name, gguf)) shelf->members[shelf->n_members++] = member;
    }
    qsort(shelf->members, (size_t)shelf->n_members, sizeof *shelf->members, by_model);
    for (int begin = 0, end; begin < shelf->n_members; begin = end) {
        const struct member *members = &shelf->members[begin];
        for (end = begin + 1; end < shelf->n_members; end++)
            if (compare_models(members, &shelf->members[end]) != 0) break;
        if (!is_meant(members, end - begin, name, gguf)) continue;
        struct model *model = &shelf->models[shelf->n_models++];
        model->members = members;
        model->n_members = end - begin;
        base_of(members, model->base);
    }
    return HEFT_OK;
}

static void shelf_free(struct shelf *shelf)
{
    free(shelf->members);
    free(shelf->models);
    *shelf = (struct shelf){0};
}

/* ---- which one is meant ---- */

/* The best answers to a tag; two of them with the same file name are copies of one. */
static const struct model *find_tag(const struct shelf *shelf, const char *tag, bool *several)
{
    const struct model *best = NULL;
    int best_match = 3;
    *several = false;
    for (int i = 0; i < shelf->n_models; i++) {
        const struct model *model = &shelf->models[i];
        int match = quant_match(model->base, tag);
        if (match < 0 || match > best_match) continue;
        const char *a = model->base, *b = best ? best->base : NULL;
        if (match < best_match) {
            best = model;
            *several = false;
        } else if (strcasecmp(a + split_name_at(a), b + split_name_at(b)) != 0) {
            *several = true;
        }
        best_match = match;
    }
    return best;
}

static bool label_is_earlier(const struct shelf *shelf, int n, const char *label)
{
    char earlier[QUANT_LABEL_BYTES];
    for (int i = 0; i < n; i++)
        if (quant_label(shelf->models[i].base, earlier) && strcmp(earlier, label) == 0) return true;
    return false;
}

/* The labels, or the names where there are none, as far as they fit a sentence. */
static void list_models(const struct shelf *shelf, bool labels, struct buffer *text)
{
    text->limit = 500;
    for (int i = 0; i < shelf->n_models; i++) {
        char label[QUANT_LABEL_BYTES];
        const char *base = shelf->models[i].base;
        bool has = labels && quant_label(base, label);
        const char *word = has ? label : base;
        if (has && label_is_earlier(shelf, i, label)) continue;
        if (text->n_bytes + strlen(word) + 8 > text->limit) {
            buffer_text(text, ", ...");
            return;
        }
        buffer_format(text, "%s%s", text->n_bytes ? ", " : "", word);
    }
}

static heft_status several_models(const struct shelf *shelf, const struct hub_name *name,
                                  heft_error *error)
{
    struct buffer names = {0};
    list_models(shelf, false, &names);
    heft_status status = error_set(
        error, HEFT_USAGE,
        "%s: there are several models in it that could be meant; give the address of one "
        "file, %s/%s/blob/%s/FILE, of: %s",
        name->repo, name->origin, name->repo, name->revision, names.data ? names.data : "");
    buffer_free(&names);
    return status;
}

static heft_status find_gguf(const struct shelf *shelf, const struct hub_name *name,
                             const struct model **out, heft_error *error)
{
    bool several = false;
    *out = NULL;
    bool asked = name->quant[0] && strcasecmp(name->quant, "latest") != 0;
    if (asked) {
        *out = find_tag(shelf, name->quant, &several);
    } else if (shelf->n_models == 1) {
        *out = &shelf->models[0];
    } else {
        for (int i = 0; !*out && quant_preferred[i]; i++)
            *out = find_tag(shelf, quant_preferred[i], &several);
    }
    if (several || (!*out && !asked)) return several_models(shelf, name, error);
    if (*out) return HEFT_OK;
    struct buffer labels = {0};
    list_models(shelf, true, &labels);
    heft_status status = error_set(error, HEFT_BAD_FILE, "%s: no file in it is %s; there are %s",
                                   name->repo, name->quant, labels.data ? labels.data : "");
    buffer_free(&labels);
    return status;
}

static heft_status find_safetensors(const struct shelf *shelf, const struct hub_name *name,
                                    const struct model **out, heft_error *error)
{
    *out = NULL;
    if (name->quant[0] && strcasecmp(name->quant, "latest") != 0)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: it has safetensors files only, so there is no %s to choose",
                         name->repo, name->quant);
    for (int i = 0; i < shelf->n_models; i++) {
        const char *base = shelf->models[i].base;
        if (shelf->n_models == 1 || strcmp(base + split_name_at(base), "model") == 0)
            *out = &shelf->models[i];
    }
    return *out ? HEFT_OK : several_models(shelf, name, error);
}

/* ---- taking it ---- */

static heft_status take_file(struct hub_choice *out, const struct hub_entry *entry,
                             enum hub_part kind, size_t n_name, heft_error *error)
{
    struct hub_part_file *files =
        realloc(out->files, ((size_t)out->n_files + 1) * sizeof *out->files);
    if (files) out->files = files;
    char *path = files ? strndup(entry->path, n_name) : NULL;
    if (!path) return error_set(error, HEFT_INTERNAL, "no memory for the list of files");
    out->files[out->n_files++] = (struct hub_part_file){entry, kind, path, entry->n_bytes};
    return HEFT_OK;
}

/* Parts of GGUF are counted from 1 and complete. Some repositories count the parts of safetensors
 * from 0, so that there is one more; whether they are complete is for their index to say. */
static heft_status check_parts(const struct model *model, const struct hub_name *name,
                               heft_error *error)
{
    int n_parts = model->members[0].split.n_parts;
    for (int i = 0; i < n_parts; i++) {
        if (i < model->n_members && model->members[i].split.number == i + 1) continue;
        return error_set(error, HEFT_BAD_FILE, "%s: part %d of %d of %s is not in it",
                         name->repo[0] ? name->repo : name->origin, i + 1, n_parts, model->base);
    }
    return HEFT_OK;
}

static heft_status take_model(const struct model *model, const struct hub_name *name,
                              struct hub_choice *out, heft_error *error)
{
    const struct member *first = &model->members[0];
    bool pieces = first->split.n_name == first->split.n_base;
    heft_status status = HEFT_OK;
    if (out->gguf) {
        quant_label(model->base, out->label);
        status = check_parts(model, name, error);
    }
    for (int i = 0; i < model->n_members && status == HEFT_OK; i++) {
        const struct hub_entry *entry = model->members[i].entry;
        if (i == 0 || !pieces)
            status = take_file(out, entry, HUB_WEIGHTS, model->members[i].split.n_name, error);
        else if (__builtin_add_overflow(out->files[0].n_bytes, entry->n_bytes,
                                        &out->files[0].n_bytes))
            status = error_set(error, HEFT_BAD_FILE, "%s: its pieces are too long together",
                               model->base);
    }
    return status;
}

/* What describes a model of safetensors beside its weights. */
static heft_status take_small_files(const struct hub_listing *listing, struct hub_choice *out,
                                    heft_error *error)
{
    static const char *const names[] = {"config.json", "generation_config.json",
                                        "tokenizer_config.json", "model.safetensors.index.json"};
    const char *weights = out->files[0].entry->path;
    size_t n_folder = split_name_at(weights);
    heft_status status = HEFT_OK;
    for (int i = 0; i < listing->n_entries && status == HEFT_OK; i++) {
        const struct hub_entry *entry = &listing->entries[i];
        if (split_name_at(entry->path) != n_folder || memcmp(entry->path, weights, n_folder) != 0)
            continue;
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (strcmp(entry->path + n_folder, names[k]) == 0)
                status = take_file(out, entry, HUB_SMALL, strlen(entry->path), error);
    }
    return status;
}
