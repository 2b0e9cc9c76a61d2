#include "cli/plan_subject.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/hints.h"
#include "cli/terminal.h"
#include "cli/visible.h"
#include "plan/folder.h"
#include "plan/header.h"

static heft_status open_catalogued(const struct catalogue *catalogue, int model,
                                   struct subject *out, heft_error *error);
static heft_status open_path(const char *path, const heft_options *options, struct subject *out,
                             heft_error *error);
static heft_status open_gguf(const char *path, const heft_options *options, struct subject *out,
                             heft_error *error);
static heft_status open_folder(const char *path, const heft_options *options, struct subject *out,
                               heft_error *error);
static heft_status open_remote(const char *name, const heft_options *options, struct subject *out,
                               heft_error *error);
static int find_with_mix(const struct catalogue *catalogue, const char *name,
                         const struct mix **mix);
static bool is_word(const char *text, size_t n);
static heft_status unknown(const struct catalogue *catalogue, const char *name, heft_error *error);
static bool is_there(const char *path, bool *is_folder);

heft_status subject_open(const struct catalogue *catalogue, const char *name,
                         const heft_options *options, struct subject *out, heft_error *error)
{
    *out = (struct subject){0};
    snprintf(out->name, sizeof out->name, "%s", name);
    bool is_folder;
    heft_status status;
    int model = find_with_mix(catalogue, name, &out->mix);
    if (is_there(name, &is_folder))
        status = open_path(name, options, out, error);
    else if (model >= 0)
        status = open_catalogued(catalogue, model, out, error);
    else if (remote_is_name(name))
        status = open_remote(name, options, out, error);
    else
        status = unknown(catalogue, name, error);
    if (status != HEFT_OK) subject_close(out);
    return status;
}

void subject_close(struct subject *subject)
{
    geometry_free(&subject->geometry);
    if (subject->source == SUBJECT_HUB) remote_close(&subject->remote);
}

const char *subject_source_name(enum subject_source source)
{
    static const char *const names[] = {"catalogue", "file", "hub"};
    return names[source];
}

static heft_status open_catalogued(const struct catalogue *catalogue, int model,
                                   struct subject *out, heft_error *error)
{
    out->source = SUBJECT_CATALOGUE;
    if (!out->mix) out->mix = mix_find("Q4_K_M");
    snprintf(out->name, sizeof out->name, "%s", catalogue_id(catalogue, model));
    snprintf(out->quantization, sizeof out->quantization, "%s", out->mix->name);
    out->published_bytes = catalogue_published_bytes(catalogue, model, out->mix->name);
    return catalogue_geometry(catalogue, model, &out->geometry, error);
}

static heft_status open_path(const char *path, const heft_options *options, struct subject *out,
                             heft_error *error)
{
    bool is_folder = false;
    out->mix = NULL;
    if (out->source != SUBJECT_HUB) out->source = SUBJECT_FILE;
    out->path = path;
    is_there(path, &is_folder);
    return is_folder ? open_folder(path, options, out, error)
                     : open_gguf(path, options, out, error);
}

/* A file that heft cannot run is planned for all the same. */
static heft_status open_gguf(const char *path, const heft_options *options, struct subject *out,
                             heft_error *error)
{
    struct gguf *file;
    heft_status status = gguf_open(path, &file, error);
    if (status != HEFT_OK) return status;
    struct model *model = NULL;
    heft_memory memory;
    heft_options own = *options;
    own.model = path;
    out->is_known = model_open(file, &model, &out->reason) == HEFT_OK;
    if (out->is_known) {
        own.n_ctx = own.n_ctx > 0 ? own.n_ctx : model->description.n_ctx_train;
        status = heft_engine_measure(&own, &memory, error);
        if (status == HEFT_OK)
            out->scratch = memory.scratch - (uint64_t)own.n_ctx * (uint64_t)own.n_sessions *
                                                sizeof(int32_t); /* tokens of the sessions */
    }
    if (status == HEFT_OK) status = header_geometry(file, model, &out->geometry, error);
    const char *types = out->source == SUBJECT_HUB && out->remote.model.label[0]
                            ? out->remote.model.label
                            : out->geometry.types;
    snprintf(out->quantization, sizeof out->quantization, "%s", types);
    model_close(model);
    gguf_close(file);
    return status;
}

/* A model of its own: not a later part of one, nor the eyes of one or statistics for quantizing. */
static bool is_model_file(const char *name)
{
    size_t n = strlen(name);
    const char *part = strstr(name, "-of-");
    bool later = part && part - name >= 5 && strncmp(part - 5, "00001", 5) != 0;
    return n > 5 && strcmp(name + n - 5, ".gguf") == 0 && !later && !strcasestr(name, "mmproj") &&
           !strcasestr(name, "imatrix");
}

/* Sets *file to "" if there is none. */
static heft_status find_model_file(const char *path, char *file, size_t n_room, heft_error *error)
{
    DIR *folder = opendir(path);
    if (!folder) return error_set(error, HEFT_BAD_FILE, "%s: cannot be read", path);
    int n_models = 0;
    file[0] = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!is_model_file(entry->d_name)) continue;
        int n = snprintf(file, n_room, "%s/%s", path, entry->d_name);
        if (n < 0 || (size_t)n >= n_room) file[0] = 0;
        n_models++;
    }
    closedir(folder);
    if (n_models <= 1) return HEFT_OK;
    return error_set(error, HEFT_USAGE, "%s: there are %d GGUF models in it; name one of them",
                     path, n_models);
}

/* A folder with one GGUF model, or with config.json and safetensors. */
static heft_status open_folder(const char *path, const heft_options *options, struct subject *out,
                               heft_error *error)
{
    char file[4096], config[4096];
    heft_status status = find_model_file(path, file, sizeof file, error);
    if (status != HEFT_OK) return status;
    if (file[0]) return open_gguf(file, options, out, error);
    snprintf(config, sizeof config, "%s/config.json", path);
    if (!file_exists(config))
        return error_set(error, HEFT_BAD_FILE, "%s: there is no GGUF file and no config.json in it",
                         path);
    out->is_known = false;
    error_set(&out->reason, HEFT_BAD_FILE, "safetensors are planned for, not run yet");
    status = folder_geometry(path, &out->geometry, error);
    snprintf(out->quantization, sizeof out->quantization, "%s", out->geometry.types);
    return status;
}

/* What a person should know of how the headers came. */
static void say_how_it_came(const struct hub_model *model)
{
    time_t listed_at = (time_t)model->listed_at;
    struct tm day;
    char date[32] = "an earlier day";
    if (localtime_r(&listed_at, &day)) strftime(date, sizeof date, "%Y-%m-%d %H:%M", &day);
    if (model->unreachable.status != HEFT_OK)
        visible_print(stderr, "heft: %s; what is kept was listed %s\n", model->unreachable.message,
                      date);
    if (model->no_ranges)
        fputs("heft: the server sends no parts of files, so that more was read than headers\n",
              stderr);
}

static void show_progress(void *context, const char *path, int number, int n_files)
{
    (void)path;
    progress_show(context, "reading headers", number - 1, n_files);
}

static heft_status open_remote(const char *name, const heft_options *options, struct subject *out,
                               heft_error *error)
{
    struct progress progress = {0};
    struct hub_options hub;
    heft_status status = hub_options_read(&hub, error);
    if (status != HEFT_OK) return status;
    hub.progress = show_progress;
    hub.context = &progress;
    progress_show(&progress, "reading headers", 0, 1); /* starts its clock */
    status = remote_open_with(&hub, name, &out->remote, error);
    progress_end(&progress);
    if (status != HEFT_OK) return status;
    out->source = SUBJECT_HUB;
    say_how_it_came(&out->remote.model);
    return open_path(out->remote.path, options, out, error);
}

/* "deepseek-r1", "deepseek-r1:mlx-4bit", "llama3.1:405b-instruct-q4_K_M": what follows a colon or a
 * dash may be a mix, and before that a word that says nothing about the shape. */
static int find_with_mix(const struct catalogue *catalogue, const char *name,
                         const struct mix **mix)
{
    char start[200];
    *mix = NULL;
    int model = catalogue_find(catalogue, name);
    size_t n = strlen(name), end = n;
    if (model >= 0 || n >= sizeof start) return model;
    for (size_t at = n; at-- > 0;) {
        if (name[at] != ':' && name[at] != '-') continue;
        const struct mix *found = mix_find(name + at + 1);
        if (found)
            *mix = found;
        else if (!is_word(name + at + 1, end - at - 1))
            continue;
        end = at;
        snprintf(start, sizeof start, "%.*s", (int)at, name);
        model = catalogue_find(catalogue, start);
        if (model >= 0) return model;
    }
    *mix = NULL;
    return -1;
}

static bool is_word(const char *text, size_t n)
{
    static const char *const words[] = {"instruct", "chat", "gguf"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && strncasecmp(text, words[i], n) == 0) return true;
    return false;
}

static heft_status unknown(const struct catalogue *catalogue, const char *name, heft_error *error)
{
    char start[200];
    const char *colon = strrchr(name, ':');
    snprintf(start, sizeof start, "%.*s", colon ? (int)(colon - name) : 0, name);
    if (colon && catalogue_find(catalogue, start) >= 0)
        return error_set(error, HEFT_BAD_FILE,
                         "there is no size and no quantization \"%s\" of %s: `heft plan --models` "
                         "lists sizes, Q2_K, Q4_K_M and mlx-4bit are quantizations",
                         colon + 1, start);
    struct nearest nearest = {.wanted = name};
    const char *part = NULL;
    for (int i = 0; i < catalogue_n_models(catalogue); i++) {
        const char *id = catalogue_id(catalogue, i), *alias;
        nearest_offer(&nearest, id);
        for (int j = 0; (alias = catalogue_alias(catalogue, i, j)); j++)
            nearest_offer(&nearest, alias);
        if (!part && strlen(name) >= 3 && strstr(id, name)) part = id;
    }
    const char *best = nearest.name[0] ? nearest.name : part;
    if (best)
        return error_set(error, HEFT_BAD_FILE,
                         "there is no file and no known model \"%s\"; did you mean %s?", name,
                         best);
    return error_set(error, HEFT_BAD_FILE,
                     "there is no file and no known model \"%s\"; `heft plan --models` lists those "
                     "it knows, and org/repo asks a hub",
                     name);
}

static bool is_there(const char *path, bool *is_folder)
{
    struct stat status;
    bool there = stat(path, &status) == 0;
    *is_folder = there && S_ISDIR(status.st_mode);
    return there;
}
