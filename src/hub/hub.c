#include "hub/hub.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/choice.h"
#include "hub/header.h"
#include "hub/http.h"
#include "hub/listing.h"
#include "hub/name.h"

enum {
    MAX_SETTLINGS = 8,

    /* The first file of a GGUF model has the vocabulary; later ones have little but tensors, and
     * there may be hundreds of them. */
    FIRST_GUESS_BYTES = 256 << 10,
    LATER_GUESS_BYTES = 32 << 10,
    MAX_GUESS_BYTES = 1 << 20,
};

static const char index_name[] = "model.safetensors.index.json";

/* A model on its way from a name to a folder. */
struct opening {
    const struct hub_options *options;
    hub_header_need *need;
    struct hub_name name;
    struct http *http; /* NULL offline */
    struct hub_listing listing;
    struct hub_choice choice;
    struct buffer parent; /* of all folders of the repository's revision */
    struct buffer list;   /* path of the kept list */
    struct buffer folder; /* where the chosen files belong */
    size_t guess;         /* of a header that is to be read */
    struct hub_model *model;
    heft_error *error;
};

static heft_status find(struct opening *opening);
static heft_status list_files(struct opening *opening);
static heft_status make_paths(struct opening *opening);
static heft_status make_folder(struct opening *opening);
static bool folder_is_whole(const struct opening *opening);
static heft_status fill_folder(struct opening *opening);
static heft_status describe(struct opening *opening);
static heft_status no_memory(struct opening *opening);

bool hub_is_remote(const char *name)
{
    return hub_name_is_remote(name);
}

heft_status hub_open(const struct hub_options *options, const char *name, hub_header_need *need,
                     struct hub_model *out, heft_error *error)
{
    *out = (struct hub_model){0};
    struct opening opening = {
        .options = options, .need = need, .model = out, .guess = LATER_GUESS_BYTES, .error = error};
    heft_status status = hub_name_parse(name, options->endpoint, &opening.name, error);
    struct http_options http = {.origin = options->endpoint,
                                .token = options->token[0] ? options->token : NULL,
                                .certificates =
                                    options->certificates[0] ? options->certificates : NULL,
                                .timeout_s = options->timeout_s,
                                .n_attempts = options->n_attempts,
                                .pause_ms = options->pause_ms};
    if (status == HEFT_OK && !options->offline) status = http_open(&http, &opening.http, error);
    if (status == HEFT_OK) status = find(&opening);
    http_close(opening.http);
    hub_choice_free(&opening.choice);
    hub_listing_free(&opening.listing);
    buffer_free(&opening.parent);
    buffer_free(&opening.list);
    buffer_free(&opening.folder);
    if (status != HEFT_OK) hub_close(out);
    return status;
}

void hub_close(struct hub_model *model)
{
    for (int i = 0; i < model->n_files; i++) free(model->files[i].path);
    free(model->files);
    free(model->folder);
    *model = (struct hub_model){0};
}

static heft_status find(struct opening *opening)
{
    heft_status status = make_paths(opening);
    if (status == HEFT_OK) status = list_files(opening);
    if (status == HEFT_OK)
        status = hub_choose(&opening->name, &opening->listing, &opening->choice, opening->error);
    if (status == HEFT_OK) status = make_folder(opening);
    if (status == HEFT_OK) status = describe(opening);
    return status;
}

static heft_status no_memory(struct opening *opening)
{
    return error_set(opening->error, HEFT_INTERNAL, "no memory to look for the model");
}

static heft_status not_kept(struct opening *opening)
{
    return error_set(opening->error, HEFT_NETWORK, "%s; and there is nothing of it in the cache",
                     opening->model->unreachable.message);
}

/* ---- the list ---- */

/* One component of a path: what is not a plain character, or could mean a folder above, is escaped.
 */
static void append_word(struct buffer *path, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || (c == '.' && i > 0);
        if (plain)
            buffer_append(path, &c, 1);
        else
            buffer_format(path, "%%%02X", (unsigned char)c);
    }
}

/* FNV-1a: names what is kept; nothing depends on its being hard to forge, as a repository's folders
 * lie below its own name. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t n_bytes)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n_bytes; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static const uint64_t hash_start = 0xcbf29ce484222325u;

static heft_status make_paths(struct opening *opening)
{
    const struct hub_name *name = &opening->name;
    struct buffer *parent = &opening->parent;
    const char *host = strstr(name->origin, "://") + 3;
    buffer_format(parent, "%s/headers/", opening->options->cache);
    append_word(parent, host, strlen(host));
    if (name->repo[0]) {
        buffer_format(parent, "/%s/", name->repo);
        append_word(parent, name->revision, strlen(name->revision));
    } else {
        buffer_format(parent, "/%016" PRIx64, hash_bytes(hash_start, name->url, strlen(name->url)));
    }
    if (!parent->failed) buffer_format(&opening->list, "%s/files.json", parent->data);
    return parent->failed || opening->list.failed ? no_memory(opening) : HEFT_OK;
}

static heft_status keep_list(struct opening *opening)
{
    opening->model->listed_at = time(NULL);
    heft_status status = cache_make_folder(opening->parent.data, opening->error);
    if (status == HEFT_OK)
        status = hub_listing_save(&opening->listing, opening->list.data, opening->error);
    return status;
}

/* True if there is a kept list, which then is the one that is used. */
static bool load_list(struct opening *opening)
{
    struct stat info;
    if (stat(opening->list.data, &info) != 0 ||
        hub_listing_load(opening->list.data, &opening->listing, NULL) != HEFT_OK)
        return false;
    opening->model->listed_at = info.st_mtime;
    return true;
}

/* An old list is better than none where the hub cannot be reached; it is not where the hub says no.
 * With one at hand the hub is not asked again and again. */
static heft_status list_files(struct opening *opening)
{
    heft_error *unreachable = &opening->model->unreachable;
    int n_attempts = file_exists(opening->list.data) ? 1 : 0;
    heft_status status =
        opening->http ? hub_listing_fetch(opening->http, &opening->name, n_attempts,
                                          &opening->listing, unreachable)
                      : error_set(unreachable, HEFT_NETWORK, "%s: HF_HUB_OFFLINE is set",
                                  opening->name.repo[0] ? opening->name.repo : opening->name.url);
    if (status == HEFT_OK) return keep_list(opening);
    if (status != HEFT_NETWORK)
        return error_set(opening->error, status, "%s", unreachable->message);
    return load_list(opening) ? HEFT_OK : not_kept(opening);
}

/* ---- the folder ---- */

/* Its name says what is in it, so that a folder never has to change. */
static heft_status make_folder(struct opening *opening)
{
    const struct hub_choice *choice = &opening->choice;
    uint64_t hash = hash_start;
    for (int i = 0; i < choice->n_files; i++) {
        const struct hub_part_file *file = &choice->files[i];
        hash = hash_bytes(hash, file->path, strlen(file->path) + 1);
        hash = hash_bytes(hash, file->entry->id, strlen(file->entry->id) + 1);
        hash = hash_bytes(hash, &file->n_bytes, sizeof file->n_bytes);
    }
    buffer_format(&opening->folder, "%s/%s-%016" PRIx64, opening->parent.data,
                  choice->label[0] ? choice->label : "model", hash);
    if (opening->folder.failed) return no_memory(opening);

    opening->model->kept = folder_is_whole(opening);
    if (opening->model->kept) return HEFT_OK;
    return opening->model->unreachable.status == HEFT_OK ? fill_folder(opening) : not_kept(opening);
}

static heft_status path_of(const struct opening *opening, int i, struct buffer *path)
{
    buffer_clear(path);
    buffer_format(path, "%s/%s", opening->folder.data, opening->choice.files[i].path);
    return path->failed ? HEFT_INTERNAL : HEFT_OK;
}

static bool folder_is_whole(const struct opening *opening)
{
    struct buffer path = {0};
    bool whole = true;
    for (int i = 0; i < opening->choice.n_files && whole; i++) {
        struct stat info;
        whole = path_of(opening, i, &path) == HEFT_OK && stat(path.data, &info) == 0 &&
                S_ISREG(info.st_mode) && (uint64_t)info.st_size == opening->choice.files[i].n_bytes;
    }
    buffer_free(&path);
    return whole;
}

/* The names of the chosen files in the folder of the index, as a set. */
static json_t *chosen_names(const struct hub_choice *choice, size_t n_folder)
{
    json_t *names = json_object();
    for (int i = 0; i < choice->n_files; i++)
        json_object_set_new(names, choice->files[i].path + n_folder, json_true());
    return names;
}

/* Every file that the index of a safetensors model speaks of must have been chosen. */
static heft_status check_index(struct opening *opening, const struct hub_part_file *index,
                               const struct buffer *text)
{
    size_t n_folder = strlen(index->path) - strlen(index_name);
    json_t *names = chosen_names(&opening->choice, n_folder);
    json_t *root = json_loadb(text->data, text->n_bytes, 0, NULL);
    json_t *map = json_object_get(root, "weight_map"), *file;
    const char *tensor, *stray = NULL, *missing = "";
    json_object_foreach(map, tensor, file)
    {
        const char *name = json_is_string(file) ? json_string_value(file) : "";
        if (stray || json_object_get(names, name)) continue;
        stray = tensor;
        missing = name;
    }
    heft_status status = HEFT_OK;
    if (!json_is_object(map))
        status =
            error_set(opening->error, HEFT_BAD_FILE,
                      "%s: it has no 'weight_map' that says where the tensors are", index->path);
    else if (stray)
        status = error_set(opening->error, HEFT_BAD_FILE,
                           "%s: tensor '%.100s' is said to be in '%.200s', which is not a file of "
                           "this model",
                           index->path, stray, missing);
    json_decref(root);
    json_decref(names);
    return status;
}

static bool is_index(const struct hub_part_file *file)
{
    size_t n = strlen(file->path), n_name = strlen(index_name);
    return file->kind == HUB_SMALL && n >= n_name &&
           strcmp(file->path + n - n_name, index_name) == 0;
}

static heft_status keep_file(struct opening *opening, const char *folder,
                             const struct header *header)
{
    const struct hub_part_file *file = header->file;
    const struct buffer *data = &header->data;
    heft_status status = is_index(file) ? check_index(opening, file, data) : HEFT_OK;
    if (header->unranged) opening->model->no_ranges = true;
    if (status != HEFT_OK) return status;
    return cache_write(folder, file->path, data->data, data->n_bytes, file->n_bytes,
                       opening->error);
}

/* Parts of a model are alike: what one took, with an eighth more, will do for the next. */
static void learn_guess(struct opening *opening, const struct header *header)
{
    uint64_t wanted = header->needed + header->needed / 8;
    if (wanted > opening->guess && wanted <= MAX_GUESS_BYTES) opening->guess = (size_t)wanted;
}

/* Files `first` to `first` + `n`, together. */
static heft_status fetch_files(struct opening *opening, const char *folder, int first, int n)
{
    const struct hub_options *options = opening->options;
    const struct hub_choice *choice = &opening->choice;
    struct header headers[HTTP_MAX_CALLS] = {0};
    for (int i = 0; i < n; i++) {
        headers[i].file = &choice->files[first + i];
        headers[i].guess = first + i == 0 ? FIRST_GUESS_BYTES : opening->guess;
        if (options->progress)
            options->progress(options->context, headers[i].file->path, first + i + 1,
                              choice->n_files);
    }
    heft_status status =
        headers_read(opening->http, &opening->name, opening->need, headers, n, opening->error);
    for (int i = 0; i < n; i++) {
        if (status == HEFT_OK) status = keep_file(opening, folder, &headers[i]);
        if (status == HEFT_OK && first + i > 0) learn_guess(opening, &headers[i]);
        buffer_free(&headers[i].data);
    }
    return status;
}

/* Another process may have been faster: its folder has the same content and may be in use. One that
 * is not whole has lost something since, and makes room. */
static heft_status settle(struct opening *opening, const char *folder)
{
    for (int i = 0; i < MAX_SETTLINGS; i++) {
        bool taken;
        heft_status status = cache_finish(folder, opening->folder.data, &taken, opening->error);
        if (!taken) return status;
        if (folder_is_whole(opening)) return HEFT_OK;
        cache_retire(opening->folder.data);
    }
    return error_set(opening->error, HEFT_INTERNAL, "%s: another process spoils it again and again",
                     opening->folder.data);
}

static heft_status fill_folder(struct opening *opening)
{
    int n_files = opening->choice.n_files;
    struct buffer folder = {0};
    heft_status status = cache_begin(opening->parent.data, &folder, opening->error);
    for (int first = 0; first < n_files && status == HEFT_OK; first += HTTP_MAX_CALLS) {
        int n = n_files - first < HTTP_MAX_CALLS ? n_files - first : HTTP_MAX_CALLS;
        status = fetch_files(opening, folder.data, first, n);
    }
    if (status == HEFT_OK) status = settle(opening, folder.data);
    if (folder.n_bytes > 0) cache_abandon(folder.data); /* unless it has its name now */
    buffer_free(&folder);
    return status;
}

/* ---- the result ---- */

static heft_status describe(struct opening *opening)
{
    struct hub_model *model = opening->model;
    const struct hub_choice *choice = &opening->choice;
    model->gguf = choice->gguf;
    memcpy(model->label, choice->label, sizeof model->label);
    model->folder = strdup(opening->folder.data);
    model->files = calloc((size_t)choice->n_files + 1, sizeof *model->files);
    if (!model->folder || !model->files) return no_memory(opening);
    for (int i = 0; i < choice->n_files; i++) {
        const struct hub_part_file *file = &choice->files[i];
        struct buffer path = {0};
        if (path_of(opening, i, &path) != HEFT_OK) return no_memory(opening);
        model->files[model->n_files++] =
            (struct hub_file){.path = buffer_take(&path), .n_bytes = file->n_bytes};
        if (file->kind == HUB_WEIGHTS) model->n_weights++;
        if (__builtin_add_overflow(model->n_bytes, file->n_bytes, &model->n_bytes))
            return error_set(opening->error, HEFT_BAD_FILE, "%s: its files are too long together",
                             opening->folder.data);
    }
    return HEFT_OK;
}
