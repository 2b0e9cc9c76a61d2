#include "cli/stops.h"

#include <string.h>

static const char *earliest(const struct stops *stops);
static size_t n_undecided(const struct stops *stops);
static void release(struct stops *stops, size_t n_bytes, struct buffer *out);

bool stops_push(struct stops *stops, const char *text, size_t n_bytes, struct buffer *out)
{
    buffer_append(&stops->held, text, n_bytes);
    if (!stops->held.data || stops->held.failed) return false;
    const char *stop = earliest(stops);
    size_t n = stop ? (size_t)(stop - stops->held.data) : stops->held.n_bytes - n_undecided(stops);
    release(stops, n, out);
    if (stop) buffer_clear(&stops->held);
    return stop != NULL;
}

void stops_flush(struct stops *stops, struct buffer *out)
{
    release(stops, stops->held.n_bytes, out);
}

void stops_free(struct stops *stops)
{
    buffer_free(&stops->held);
}

static const char *earliest(const struct stops *stops)
{
    const char *first = NULL;
    for (int i = 0; i < stops->list->n_items; i++) {
        const char *text = stops->list->items[i];
        const char *at = memmem(stops->held.data, stops->held.n_bytes, text, strlen(text));
        if (at && (!first || at < first)) first = at;
    }
    return first;
}

/* The longest end of the held text that is the beginning of a stop text. */
static size_t n_undecided(const struct stops *stops)
{
    size_t longest = 0, n_held = stops->held.n_bytes;
    for (int i = 0; i < stops->list->n_items; i++) {
        size_t n = strlen(stops->list->items[i]);
        for (n = n < n_held ? n : n_held; n > longest; n--) {
            const char *end = stops->held.data + n_held - n;
            if (memcmp(end, stops->list->items[i], n) == 0) longest = n;
        }
    }
    return longest;
}

static void release(struct stops *stops, size_t n_bytes, struct buffer *out)
{
    struct buffer *held = &stops->held;
    if (n_bytes == 0) return;
    buffer_append(out, held->data, n_bytes);
    memmove(held->data, held->data + n_bytes, held->n_bytes - n_bytes);
    held->n_bytes -= n_bytes;
}
