#include "hub/listing.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/address.h"
#include "hub/split.h"

enum {
    MAX_PAGE_BYTES = 16 << 20,
    MAX_PAGES = 200,
    MAX_ENTRIES = 100000,
    MAX_TEXT_BYTES = 64 << 20,
};

static heft_status fetch_pages(struct http *http, const struct hub_name *name, int n_attempts,
                               struct hub_listing *out, heft_error *error);
static heft_status probe_parts(struct http *http, const struct hub_name *name, int n_attempts,
                               struct hub_listing *out, heft_error *error);
static heft_status add_page(struct hub_listing *listing, const char *text, size_t n_bytes,
                            const char *from, heft_error *error);
static heft_status add(struct hub_listing *listing, const char *path, const char *id,
                       uint64_t n_bytes, heft_error *error);
static void sort(struct hub_listing *listing);

heft_status hub_listing_fetch(struct http *http, const struct hub_name *name, int n_attempts,
                              struct hub_listing *out, heft_error *error)
{
    heft_status status = name->url[0] ? probe_parts(http, name, n_attempts, out, error)
                                      : fetch_pages(http, name, n_attempts, out, error);
    if (status == HEFT_OK)
        sort(out);
    else
        hub_listing_free(out);
    return status;
}

void hub_listing_free(struct hub_listing *listing)
{
    free(listing->entries);
    arena_free(&listing->texts);
    *listing = (struct hub_listing){0};
}

char *hub_file_url(const struct hub_name *name, const char *path)
{
    struct buffer url = {0};
    if (name->url[0]) {
        size_t n_before = split_name_at(name->url);
        buffer_append(&url, name->url, n_before);
        buffer_text(&url, path); /* written as in the address that a person gave */
        buffer_text(&url, name->url + strcspn(name->url, "?#"));
    } else {
        buffer_format(&url, "%s/%s/resolve/", name->origin, name->repo);
        address_escape(&url, name->revision);
        buffer_text(&url, "/");
        address_escape(&url, path);
    }
    return buffer_take(&url);
}

/* ---- pages ---- */

static heft_status read_page(struct http *http, const struct hub_name *name, char **url,
                             int n_attempts, struct hub_listing *out, heft_error *error)
{
    struct http_request request = {
        .url = *url, .n_bytes = MAX_PAGE_BYTES, .whole = true, .n_attempts = n_attempts};
    struct http_reply reply = {0};
    heft_status status = http_get(http, &request, &reply, error);
    if (status == HEFT_OK && reply.code != 200) status = hub_refusal(name, NULL, &reply, error);
    if (status == HEFT_OK) status = add_page(out, reply.body.data, reply.body.n_bytes, *url, error);
    if (status == HEFT_OK && reply.next && !address_may_follow(*url, reply.next))
        status = error_set(error, HEFT_NETWORK,
                           "%s: the list of files at %s goes on where it is not safe to follow",
                           name->repo, name->origin);
    free(*url);
    *url = reply.next;
    reply.next = NULL;
    http_reply_free(&reply);
    return status;
}

static heft_status fetch_pages(struct http *http, const struct hub_name *name, int n_attempts,
                               struct hub_listing *out, heft_error *error)
{
    struct buffer first = {0};
    buffer_format(&first, "%s/api/models/%s/tree/", name->origin, name->repo);
    address_escape(&first, name->revision);
    buffer_text(&first, "?recursive=true");
    char *url = buffer_take(&first);
    if (!url) return error_set(error, HEFT_INTERNAL, "%s: no memory to list it", name->repo);

    heft_status status = HEFT_OK;
    for (int i = 0; url && status == HEFT_OK; i++) {
        if (i < MAX_PAGES)
            status = read_page(http, name, &url, n_attempts, out, error);
        else
            status = error_set(error, HEFT_NETWORK,
                               "%s: the list of files at %s does not end after %d pages",
                               name->repo, name->origin, MAX_PAGES);
    }
    free(url);
    return status;
}

/* Large files are kept beside git, with a hash of their own; the others have git's. */
static heft_status add_file(struct hub_listing *listing, const json_t *item, heft_error *error)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    const char *path = json_string_value(json_object_get(item, "path"));
    const json_t *lfs = json_object_get(item, "lfs");
    const json_t *size = json_object_get(lfs ? lfs : item, "size");
    if (!size) size = json_object_get(item, "size");
    const char *id = json_string_value(json_object_get(lfs, "oid"));
    if (!id) id = json_string_value(json_object_get(item, "oid"));
    if (!type || strcmp(type, "file") != 0) return HEFT_OK;
    if (!path || !json_is_integer(size) || json_integer_value(size) < 0) return HEFT_OK;
    return add(listing, path, id ? id : "", (uint64_t)json_integer_value(size), error);
}

static heft_status add_page(struct hub_listing *listing, const char *text, size_t n_bytes,
                            const char *from, heft_error *error)
{
    json_error_t problem;
    int n_from = (int)strcspn(from, "?");
    json_t *page = text ? json_loadb(text, n_bytes, 0, &problem) : NULL;
    heft_status status = HEFT_OK;
    if (!json_is_array(page))
        status =
            error_set(error, HEFT_NETWORK,
                      "%.*s: the answer is not the list of files that a hub gives", n_from, from);
    size_t i;
    json_t *item;
    json_array_foreach(page, i, item)
    {
        if (status == HEFT_OK) status = add_file(listing, item, error);
    }
    json_decref(page);
    return status;
}

/* ---- a file on no hub ---- */

static const char *tag_of(const struct http_reply *reply)
{
    return strncmp(reply->etag, "W/", 2) == 0 ? reply->etag + 2 : reply->etag;
}

/* One byte is asked for, as the answer has the size and the tag of the whole. */
static heft_status probe(struct http *http, const struct hub_name *name, const char *path,
                         int n_attempts, struct hub_listing *out, heft_error *error)
{
    char *url = hub_file_url(name, path);
    if (!url) return error_set(error, HEFT_INTERNAL, "%s: no memory for its address", path);
    struct http_request request = {.url = url, .n_bytes = 1, .n_attempts = n_attempts};
    struct http_reply reply = {0};
    heft_status status = http_get(http, &request, &reply, error);
    if (status == HEFT_OK && reply.code != 200 && reply.code != 206)
        status = hub_refusal(name, path, &reply, error);
    if (status == HEFT_OK && reply.total == HTTP_UNKNOWN)
        status = error_set(error, HEFT_NETWORK, "%.*s: the server does not say how long it is",
                           (int)strcspn(url, "?#"), url);
    if (status == HEFT_OK) status = add(out, path, tag_of(&reply), reply.total, error);
    http_reply_free(&reply);
    free(url);
    return status;
}

static heft_status probe_parts(struct http *http, const struct hub_name *name, int n_attempts,
                               struct hub_listing *out, heft_error *error)
{
    size_t at = split_name_at(name->url), n = strcspn(name->url + at, "?#");
    char path[HUB_URL_BYTES];
    snprintf(path, sizeof path, "%.*s", (int)n, name->url + at);
    struct split split = split_parse(path);
    if (split.n_parts == 0) return probe(http, name, path, n_attempts, out, error);
    heft_status status = HEFT_OK;
    for (int i = 1; i <= split.n_parts && status == HEFT_OK; i++) {
        char part[HUB_URL_BYTES];
        split_part_name(path, &split, i, part, sizeof part);
        status = probe(http, name, part, n_attempts, out, error);
    }
    return status;
}

/* ---- entries ---- */

static bool is_safe(const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || n >= HUB_PATH_BYTES || path[0] == '/') return false;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '\\') return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        size_t n_part = strcspn(part, "/");
        if (n_part == 0 || n_part > 255 || (n_part == 1 && part[0] == '.') ||
            (n_part == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    return true;
}

static char *keep(struct hub_listing *listing, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = arena_alloc_text(&listing->texts, n);
    if (copy) memcpy(copy, text, n);
    return copy;
}

/* A name that is not safe is left out: no model has one. */
static heft_status add(struct hub_listing *listing, const char *path, const char *id,
                       uint64_t n_bytes, heft_error *error)
{
    if (!is_safe(path)) return HEFT_OK;
    if (listing->n_entries == MAX_ENTRIES)
        return error_set(error, HEFT_NETWORK, "the hub lists more than %d files", MAX_ENTRIES);
    if (listing->n_entries == listing->capacity) {
        int capacity = listing->capacity ? listing->capacity * 2 : 64;
        struct hub_entry *entries =
            realloc(listing->entries, (size_t)capacity * sizeof *listing->entries);
        if (!entries) return error_set(error, HEFT_INTERNAL, "no memory for the list of files");
        listing->entries = entries;
        listing->capacity = capacity;
    }
    listing->texts.limit = MAX_TEXT_BYTES;
    struct hub_entry entry = {keep(listing, path), keep(listing, id), n_bytes};
    if (!entry.path || !entry.id)
        return error_set(error, HEFT_INTERNAL, "no memory for the list of files");
    listing->entries[listing->n_entries++] = entry;
    return HEFT_OK;
}

static int by_path(const void *a, const void *b)
{
    const struct hub_entry *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void sort(struct hub_listing *listing)
{
    if (listing->n_entries > 1)
        qsort(listing->entries, (size_t)listing->n_entries, sizeof *listing->entries, by_path);
}

/* ---- on disk: the form the hub sends ---- */

heft_status hub_listing_save(const struct hub_listing *listing, const char *path, heft_error *error)
{
    json_t *all = json_array();
    for (int i = 0; i < listing->n_entries; i++) {
        const struct hub_entry *entry = &listing->entries[i];
        json_array_append_new(all, json_pack("{ss ss ss sI}", "type", "file", "path", entry->path,
                                             "oid", entry->id, "size", (json_int_t)entry->n_bytes));
    }
    char *text = json_dumps(all, JSON_INDENT(1));
    bool complete = json_array_size(all) == (size_t)listing->n_entries;
    json_decref(all);
    heft_status status = text && complete
                             ? file_write(path, text, strlen(text), error)
                             : error_set(error, HEFT_INTERNAL, "%s: no memory to write it", path);
    free(text);
    return status;
}

heft_status hub_listing_load(const char *path, struct hub_listing *out, heft_error *error)
{
    char *text;
    size_t n_bytes;
    heft_status status = file_read(path, MAX_TEXT_BYTES, &text, &n_bytes, error);
    if (status != HEFT_OK) return status;
    status = add_page(out, text, n_bytes, path, error);
    free(text);
    if (status == HEFT_OK)
        sort(out);
    else
        hub_listing_free(out);
    return status;
}

/* ---- refusals ---- */

static heft_status refuse_file(const char *url, int code, heft_error *error)
{
    return error_set(error, HEFT_BAD_FILE, "%.*s: %s (%d)", (int)strcspn(url, "?#"), url,
                     code == 404 ? "the server has no such file" : "the server refuses to send it",
                     code);
}

heft_status hub_refusal(const struct hub_name *name, const char *path,
                        const struct http_reply *reply, heft_error *error)
{
    const char *repo = name->repo, *hub = name->origin;
    if (name->url[0]) return refuse_file(name->url, reply->code, error);
    if (strcasecmp(reply->refusal, "GatedRepo") == 0)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: the repository is gated: accept its terms at %s/%s and set HF_TOKEN "
                         "to a token of that account",
                         repo, hub, repo);
    if (reply->code == 404 && strcasecmp(reply->refusal, "RevisionNotFound") == 0)
        return error_set(error, HEFT_BAD_FILE, "%s: %s has no revision '%s' of it", repo, hub,
                         name->revision);
    if (reply->code == 404 && path)
        return error_set(error, HEFT_BAD_FILE, "%s: %s has no file '%s' in it (404)", repo, hub,
                         path);
    if (reply->code == 404)
        return error_set(error, HEFT_BAD_FILE, "%s: %s has no repository of that name (404)", repo,
                         hub);
    /* A hub does not say of a private repository that it exists. */
    return error_set(error, HEFT_BAD_FILE,
                     "%s: %s refuses to show %s (%d): it does not exist, or it is private and "
                     "HF_TOKEN must be set to a token that may read it",
                     repo, hub, path ? path : "the repository", reply->code);
}
