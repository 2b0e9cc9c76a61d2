/* The functions a template finds without being given them. */
#include "text/template_private.h"

#include <stdio.h>
#include <time.h>

enum { MAX_RANGE = 100000 }; /* the sandbox's own bound */

static BUILTIN(make_range)
{
    int64_t start = slot_int(render, slots[0], 0), stop = start,
            step = slot_int(render, slots[2], 1);
    if (slots[1].kind == VALUE_ABSENT)
        start = 0;
    else
        stop = slot_int(render, slots[1], 0);
    if (step == 0) render_fail(render, "range() has step zero");

    struct range *range = render_alloc(render, 1, sizeof *range);
    *range = (struct range){.start = start, .stop = stop, .step = step};
    if (step > 0 ? start < stop : start > stop) {
        uint64_t distance =
            step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
        uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
        uint64_t n = (distance - 1) / stride + 1;
        if (n > MAX_RANGE) render_fail(render, "range() has more than %d numbers", MAX_RANGE);
        range->n = (size_t)n;
    }
    return (struct value){.kind = VALUE_RANGE, .range = range};
}

/* A dict of a dict, or of pairs, and of the named arguments. */
static struct dict *collect(struct render *render, const struct arguments *arguments)
{
    struct dict *dict = dict_create(render, arguments->n_named);
    if (arguments->n_positional > 1)
        render_fail(render, "dict() takes at most one argument without a name");
    if (arguments->n_positional) {
        struct value from = arguments->positional[0], item;
        struct cursor cursor = cursor_open(render, from);
        while (cursor_next(render, &cursor, &item)) {
            if (from.kind == VALUE_DICT) {
                dict_set(render, dict, item, *dict_find(render, from.dict, item));
                continue;
            }
            const struct list *pair = list_from(render, item);
            if (pair->n != 2) render_fail(render, "dict() needs pairs");
            dict_set(render, dict, pair->items[0], pair->items[1]);
        }
    }
    for (size_t i = 0; i < arguments->n_named; i++)
        dict_set(render, dict, value_text(arguments->names[i]), arguments->named[i]);
    return dict;
}

static BUILTIN(make_dict)
{
    return (struct value){.kind = VALUE_DICT, .dict = collect(render, arguments)};
}

static BUILTIN(make_namespace)
{
    return (struct value){.kind = VALUE_NAMESPACE, .dict = collect(render, arguments)};
}

static BUILTIN(raise_exception)
{
    struct slice message = print_to_text(render, slots[0]);
    int n = message.n_bytes < 900 ? (int)message.n_bytes : 900;
    render_fail_as(render, HEFT_USAGE, "%.*s", n, message.data);
}

/* Python's %f is microseconds, and its local time knows no zone: both differ from C. */
static void adapt_format(struct render *render, struct slice format, char *out, size_t capacity)
{
    size_t n = 0;
    for (size_t i = 0; i < format.n_bytes; i++) {
        bool is_code = format.data[i] == '%' && i + 1 < format.n_bytes;
        char code = is_code ? format.data[i + 1] : 0;
        if (n + 8 > capacity) render_fail(render, "strftime_now() has too long a format");
        if (is_code) i++;
        if (code == 'f') {
            memcpy(out + n, "000000", 6);
            n += 6;
        } else if (code != 'z' && code != 'Z') {
            if (is_code) out[n++] = '%';
            out[n++] = format.data[i];
        }
    }
    out[n] = 0;
}

static BUILTIN(strftime_now)
{
    char format[256], text[1024];
    struct tm local;
    adapt_format(render, slot_text(render, slots[0], NULL), format, sizeof format);
    time_t now = render->limits.now ? (time_t)render->limits.now : time(NULL);
    if (!localtime_r(&now, &local)) render_fail(render, "strftime_now() knows no such time");
    size_t n_bytes = strftime(text, sizeof text, format, &local);
    size_t mark = capture_begin(render);
    if (!unicode_is_valid((struct slice){text, n_bytes}))
        render_fail(render, "strftime_now() gives no text");
    emit(render, (struct slice){text, n_bytes});
    return value_text(capture_end(render, mark));
}

const struct builtin *function_find(struct slice name)
{
    static const struct builtin functions[] = {
        {"range", "start stop step", 1, make_range},
        {"dict", "...", 0, make_dict},
        {"namespace", "...", 0, make_namespace},
        {"raise_exception", "message", 1, raise_exception},
        {"strftime_now", "format", 1, strftime_now},
    };
    return builtin_find(functions, sizeof functions / sizeof *functions, name);
}
