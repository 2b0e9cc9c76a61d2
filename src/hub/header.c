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

static heft_status begin(struct header *header, const struct hub_name *name, heft_error *error);
static void end(struct header *header);
static bool is_complete(const struct header *header);
static struct http_request next_request(const struct header *header);
static heft_status take(struct header *header, const struct hub_name *name, hub_header_need *need,
                        struct http_call *call, heft_error *error);

heft_status headers_read(struct http *http, const struct hub_name *name, hub_header_need *need,
                         struct header *headers, int n, heft_error *error)
{
    heft_status status = HEFT_OK;
    for (int i = 0; i < n && status == HEFT_OK; i++) status = begin(&headers[i], name, error);
    for (int n_calls = 1; n_calls > 0 && status == HEFT_OK;) {
        struct http_call calls[HTTP_MAX_CALLS] = {0};
        struct header *asked[HTTP_MAX_CALLS];
        n_calls = 0;
        for (int i = 0; i < n; i++) {
            if (is_complete(&headers[i])) continue;
            asked[n_calls] = &headers[i];
            calls[n_calls++].request = next_request(&headers[i]);
        }
        http_get_all(http, calls, n_calls);
        for (int i = 0; i < n_calls; i++) {
            if (status == HEFT_OK) status = take(asked[i], name, need, &calls[i], error);
            http_reply_free(&calls[i].reply);
        }
    }
    for (int i = 0; i < n; i++) end(&headers[i]);
    return status;
}

static bool is_complete(const struct header *header)
{
    return header->n_reads > 0 && header->needed <= header->data.n_bytes;
}

static heft_status begin(struct header *header, const struct hub_name *name, heft_error *error)
{
    const char *path = header->file->entry->path;
    header->needed = header->guess;
    header->url = hub_file_url(name, path);
    if (header->url) header->title = strndup(header->url, strcspn(header->url, "?#"));
    if (!header->title)
        return error_set(error, HEFT_INTERNAL, "%s: no memory for its address", path);
    if (header->file->kind == HUB_WEIGHTS && header->file->entry->n_bytes == 0)
        return error_set(error, HEFT_BAD_FILE, "%s: the file is empty", header->title);
    return HEFT_OK;
}

static void end(struct header *header)
{
    free(header->url);
    free(header->title);
    header->url = header->title = NULL;
}

/* Four times what is there, as most headers end soon or are long. */
static uint64_t next_end(uint64_t n_have, uint64_t need, uint64_t n_file)
{
    uint64_t n_more = n_have * 3 < MAX_STEP_BYTES ? n_have * 3 : MAX_STEP_BYTES;
    uint64_t end = n_have + n_more < need ? need : n_have + n_more;
    return end < n_file ? end : n_file;
}

static struct http_request next_request(const struct header *header)
{
    if (header->file->kind == HUB_SMALL)
        return (struct http_request){.url = header->url, .n_bytes = MAX_SMALL_BYTES, .whole = true};
    uint64_t n_have = header->data.n_bytes;
    uint64_t end = next_end(n_have, header->needed, header->file->entry->n_bytes);
    return (struct http_request){
        .url = header->url, .first = n_have, .n_bytes = (size_t)(end - n_have)};
}

static heft_status check_need(const struct header *header, heft_error *error)
{
    uint64_t n_bytes = header->file->entry->n_bytes, need = header->needed;
    if (need <= header->data.n_bytes) return HEFT_OK;
    if (need > n_bytes)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: its header has %" PRIu64 " bytes or more, but the file only %" PRIu64,
                         header->title, need, n_bytes);
    if (need > MAX_HEADER_BYTES)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: its header has %" PRIu64 " bytes or more, the limit is %d",
                         header->title, need, MAX_HEADER_BYTES);
    if (header->n_reads == MAX_READS)
        return error_set(error, HEFT_NETWORK, "%s: the server sends its header in crumbs",
                         header->title);
    return HEFT_OK;
}

/* The server must have the file that the hub has listed. */
static heft_status check_answer(const struct header *header, const struct hub_name *name,
                                const struct http_call *call, heft_error *error)
{
    const struct hub_entry *entry = header->file->entry;
    const struct http_reply *reply = &call->reply;
    if (call->status != HEFT_OK) return error_set(error, call->status, "%s", call->error.message);
    if (reply->code != 200 && reply->code != 206)
        return hub_refusal(name, entry->path, reply, error);
    if (reply->total != HTTP_UNKNOWN && reply->total != entry->n_bytes)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: the hub lists %" PRIu64 " bytes, the server has %" PRIu64,
                         header->title, entry->n_bytes, reply->total);
    if (reply->body.n_bytes == 0 && entry->n_bytes > 0)
        return error_set(error, HEFT_NETWORK,
                         "%s: the server sent nothing where %zu bytes were asked for",
                         header->title, call->request.n_bytes);
    return HEFT_OK;
}

static heft_status take(struct header *header, const struct hub_name *name, hub_header_need *need,
                        struct http_call *call, heft_error *error)
{
    heft_status status = check_answer(header, name, call, error);
    if (status != HEFT_OK) return status;
    header->n_reads++;
    buffer_append(&header->data, call->reply.body.data, call->reply.body.n_bytes);
    if (header->data.failed)
        return error_set(error, HEFT_INTERNAL, "%s: no memory for its header", header->title);
    if (header->file->kind == HUB_SMALL) {
        header->needed = 0;
        return HEFT_OK;
    }
    if (!call->reply.ranged) header->unranged = true;
    status = need(header->title, header->data.data, header->data.n_bytes, header->file->n_bytes,
                  &header->needed, error);
    return status == HEFT_OK ? check_need(header, error) : status;
}
