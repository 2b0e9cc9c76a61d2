#include "cli/stops.h"

#include <string.h>

static bool hold(struct stops *stops, const char *text, size_t n_bytes, bool hidden);
static size_t earliest(const struct text_list *list, const struct buffer *text);
static size_t n_undecided(const struct text_list *list, const struct buffer *text);
static size_t held_place(const struct stops *stops, size_t n_shown);
static void release(struct stops *stops, size_t n_bytes, struct buffer *out);

bool stops_push(struct stops *stops, const char *text, size_t n_bytes, bool hidden,
                struct buffer *out)
{
    if (!hold(stops, text, n_bytes, hidden)) {
        out->failed = true;
        return false;
    }
    size_t at = earliest(stops->list, &stops->held);
    size_t shown_at = held_place(stops, earliest(stops->list, &stops->shown));
    bool stopped = at < stops->held.n_bytes || shown_at < stops->held.n_bytes;
    if (!stopped) {
        at = stops->held.n_bytes - n_undecided(stops->list, &stops->held);
        shown_at =
            held_place(stops, stops->shown.n_bytes - n_undecided(stops->list, &stops->shown));
    }
    release(stops, at < shown_at ? at : shown_at, out);
    if (stopped) {
        buffer_clear(&stops->held);
        buffer_clear(&stops->hidden);
        buffer_clear(&stops->shown);
    }
    return stopped;
}

void stops_flush(struct stops *stops, struct buffer *out)
{
    release(stops, stops->held.n_bytes, out);
}

void stops_free(struct stops *stops)
{
    buffer_free(&stops->held);
    buffer_free(&stops->hidden);
    buffer_free(&stops->shown);
}

static bool hold(struct stops *stops, const char *text, size_t n_bytes, bool hidden)
{
    const char mark = hidden;
    buffer_append(&stops->held, text, n_bytes);
    if (!hidden) buffer_append(&stops->shown, text, n_bytes);
    for (size_t i = 0; i < n_bytes; i++) buffer_append(&stops->hidden, &mark, 1);
    return !stops->held.failed && !stops->hidden.failed && !stops->shown.failed;
}

/* Where the first stop text begins; the length of the text if it has none. */
static size_t earliest(const struct text_list *list, const struct buffer *text)
{
    size_t first = text->n_bytes;
    for (int i = 0; text->n_bytes && i < list->n_items; i++) {
        const char *at = memmem(text->data, text->n_bytes, list->items[i], strlen(list->items[i]));
        if (at && (size_t)(at - text->data) < first) first = (size_t)(at - text->data);
    }
    return first;
}

/* The longest end of the text that is the beginning of a stop text. */
static size_t n_undecided(const struct text_list *list, const struct buffer *text)
{
    size_t longest = 0, n_text = text->n_bytes;
    for (int i = 0; i < list->n_items; i++) {
        size_t n = strlen(list->items[i]);
        for (n = n < n_text ? n : n_text; n > longest; n--) {
            const char *end = text->data + n_text - n;
            if (memcmp(end, list->items[i], n) == 0) longest = n;
        }
    }
    return longest;
}

/* Where in `held` the byte of `shown` is that has `n_shown` before it; behind the last one that is
 * the end. */
static size_t held_place(const struct stops *stops, size_t n_shown)
{
    size_t i = 0;
    for (size_t n = 0; i < stops->held.n_bytes; i++) {
        if (stops->hidden.data[i]) continue;
        if (n == n_shown) break;
        n++;
    }
    return i;
}

static void release(struct stops *stops, size_t n_bytes, struct buffer *out)
{
    struct buffer *held = &stops->held, *hidden = &stops->hidden, *shown = &stops->shown;
    size_t n_shown = 0;
    if (n_bytes == 0) return;
    for (size_t i = 0; i < n_bytes; i++) n_shown += !hidden->data[i];
    if (n_shown) buffer_append(out, shown->data, n_shown);
    memmove(held->data, held->data + n_bytes, held->n_bytes - n_bytes);
    memmove(hidden->data, hidden->data + n_bytes, hidden->n_bytes - n_bytes);
    if (n_shown) memmove(shown->data, shown->data + n_shown, shown->n_bytes - n_shown);
    held->n_bytes -= n_bytes;
    hidden->n_bytes -= n_bytes;
    shown->n_bytes -= n_shown;
}
