#include "hub/header.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    MAX_STEP_BYTES = 4 << 20,     /* read ahead of what is known to be needed */
    MAX_HEADER_BYTES = 256 << 20, /* the largest real ones, vocabularies above all, have 20 MB */
    MAX_SMALL_BYTES = 32 << 20,
    MAX_READS = 256, /* of one file, whatever a server makes of them */
};

/* A file where it is asked for; the title is for sentences, without what may be secret. */
struct source {
    const struct header_request *header;
    char *url, *title;
};

static heft_status source_open(struct source *source, const struct header_request *header,
                               heft_error *error);
static void source_close(struct source *source);
static heft_status source_get(const struct source *source, struct http_request request,
                              struct http_reply *reply, heft_error *error);
static heft_status read_more(const struct source *source, uint64_t needed, struct buffer *out,
                             bool *ranged, heft_error *error);
static heft_status check_need(const struct source *source, uint64_t need, heft_error *error);

heft_status header_read(const struct header_request *request, struct buffer *out, bool *ranged,
                        heft_error *error)
{
    struct source source;
    heft_status status = source_open(&source, request, error);
    uint64_t needed = request->guess;
    for (int i = 0; status == HEFT_OK && needed > out->n_bytes; i++) {
        if (i == MAX_READS)
            status = error_set(error, HEFT_NETWORK, "%s: the server sends its header in crumbs",
                               source.title);
        else
            status = read_more(&source, needed, out, ranged, error);
        if (status == HEFT_OK)
            status = request->need(source.title, out->data, out->n_bytes, request->file->n_bytes,
                                   &needed, error);
        if (status == HEFT_OK && needed > out->n_bytes) status = check_need(&source, needed, error);
    }
    source_close(&source);
    return status;
}

heft_status header_read_small(const struct header_request *request, struct buffer *out,
                              heft_error *error)
{
    struct source source;
    struct http_request get = {.n_bytes = MAX_SMALL_BYTES, .whole = true};
    struct http_reply reply = {0};
    heft_status status = source_open(&source, request, error);
    if (status == HEFT_OK) status = source_get(&source, get, &reply, error);
    if (status == HEFT_OK) buffer_append(out, reply.body.data, reply.body.n_bytes);
    if (out->failed) status = error_set(error, HEFT_INTERNAL, "%s: no memory for it", source.title);
    http_reply_free(&reply);
    source_close(&source);
    return status;
}

static heft_status source_open(struct source *source, const struct header_request *header,
                               heft_error *error)
{
    const char *path = header->file->entry->path;
    *source = (struct source){.header = header, .url = hub_file_url(header->name, path)};
    if (source->url) source->title = strndup(source->url, strcspn(source->url, "?#"));
    if (source->title) return HEFT_OK;
    return error_set(error, HEFT_INTERNAL, "%s: no memory for its address", path);
}

static void source_close(struct source *source)
{
    free(source->url);
    free(source->title);
}

/* The server must have the file that the hub has listed. */
static heft_status source_get(const struct source *source, struct http_request request,
                              struct http_reply *reply, heft_error *error)
{
    const struct hub_entry *entry = source->header->file->entry;
    request.url = source->url;
    heft_status status = http_get(source->header->http, &request, reply, error);
    if (status == HEFT_OK && reply->code != 200 && reply->code != 206)
        return hub_refusal(source->header->name, entry->path, reply, error);
    if (status == HEFT_OK && reply->total != HTTP_UNKNOWN && reply->total != entry->n_bytes)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: the hub lists %" PRIu64 " bytes, the server has %" PRIu64,
                         source->title, entry->n_bytes, reply->total);
    return status;
}

/* Four times what is there, as most headers end soon or are long. */
static uint64_t next_end(uint64_t n_have, uint64_t need, uint64_t n_file)
{
    uint64_t n_more = n_have * 3 < MAX_STEP_BYTES ? n_have * 3 : MAX_STEP_BYTES;
    uint64_t end = n_have + n_more < need ? need : n_have + n_more;
    return end < n_file ? end : n_file;
}

static heft_status read_more(const struct source *source, uint64_t needed, struct buffer *out,
                             bool *ranged, heft_error *error)
{
    uint64_t n_file = source->header->file->entry->n_bytes;
    if (n_file == 0) return error_set(error, HEFT_BAD_FILE, "%s: the file is empty", source->title);
    uint64_t end = next_end(out->n_bytes, needed, n_file);
    struct http_request request = {.first = out->n_bytes, .n_bytes = (size_t)(end - out->n_bytes)};
    struct http_reply reply = {0};
    heft_status status = source_get(source, request, &reply, error);
    if (status == HEFT_OK) {
        *ranged = *ranged && reply.ranged;
        buffer_append(out, reply.body.data, reply.body.n_bytes);
        if (out->failed)
            status = error_set(error, HEFT_INTERNAL, "%s: no memory for its header", source->title);
        else if (reply.body.n_bytes == 0)
            status = error_set(error, HEFT_NETWORK,
                               "%s: the server sent nothing where %zu bytes were asked for",
                               source->title, request.n_bytes);
    }
    http_reply_free(&reply);
    return status;
}

static heft_status check_need(const struct source *source, uint64_t need, heft_error *error)
{
    uint64_t n_bytes = source->header->file->entry->n_bytes;
    if (need > n_bytes)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: its header has %" PRIu64 " bytes or more, but the file only %" PRIu64,
                         source->title, need, n_bytes);
    if (need > MAX_HEADER_BYTES)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: its header has %" PRIu64 " bytes or more, the limit is %d",
                         source->title, need, MAX_HEADER_BYTES);
    return HEFT_OK;
}
