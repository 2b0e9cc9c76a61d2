#include "base/probe.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool read_whole_lines(const struct machine_source *source, const char *path,
                             struct probe_text *out);
static const char *find_line(const struct probe_text *text, const char *name);
static const char *parse_digits(const char *text, uint64_t *out);
static bool parse_number(const char *text, uint64_t *out);
static void copy_printable(const char *line, char *out, size_t cap);

bool probe_text(const struct machine_source *source, struct probe_text *out, const char *path, ...)
{
    char full[PROBE_PATH];
    va_list arguments;
    va_start(arguments, path);
    int n = vsnprintf(full, sizeof full, path, arguments);
    va_end(arguments);
    return n < PROBE_PATH && read_whole_lines(source, full, out);
}

bool probe_number(const struct machine_source *source, uint64_t *out, const char *path, ...)
{
    char full[PROBE_PATH];
    struct probe_text text;
    va_list arguments;
    va_start(arguments, path);
    int n = vsnprintf(full, sizeof full, path, arguments);
    va_end(arguments);
    return n < PROBE_PATH && read_whole_lines(source, full, &text) && parse_number(text.data, out);
}

bool probe_field(const struct probe_text *text, const char *name, uint64_t *out)
{
    const char *line = find_line(text, name);
    return line && parse_number(line, out);
}

void probe_words(const struct probe_text *text, const char *name, char *out, size_t cap)
{
    const char *line = find_line(text, name);
    copy_printable(line ? line : "", out, cap);
}

void probe_line(const struct machine_source *source, char *out, size_t cap, const char *path)
{
    struct probe_text text;
    if (!read_whole_lines(source, path, &text)) text.data[0] = 0;
    copy_printable(text.data, out, cap);
}

int probe_list(const char *list, bool set[PROBE_CPUS])
{
    int n = 0;
    memset(set, 0, PROBE_CPUS * sizeof *set);
    for (;;) {
        uint64_t first, last;
        list = parse_digits(list, &first);
        last = first;
        if (list && *list == '-') list = parse_digits(list + 1, &last);
        if (!list || last < first || last >= PROBE_CPUS) break;
        for (uint64_t cpu = first; cpu <= last; cpu++) {
            n += !set[cpu];
            set[cpu] = true;
        }
        if (*list == 0 || isspace((unsigned char)*list)) return n;
        if (*list++ != ',') break;
    }
    memset(set, 0, PROBE_CPUS * sizeof *set);
    return 0;
}

bool probe_value(const struct machine_source *source, uint64_t *out, const char *name, ...)
{
    char full[PROBE_PATH];
    unsigned char bytes[8];
    uint32_t narrow;
    va_list arguments;
    va_start(arguments, name);
    int n = vsnprintf(full, sizeof full, name, arguments);
    va_end(arguments);
    if (n >= PROBE_PATH) return false;
    int n_bytes = source->read_value(source->argument, full, bytes, sizeof bytes);
    if (n_bytes == sizeof *out) memcpy(out, bytes, sizeof *out);
    if (n_bytes == sizeof narrow) {
        memcpy(&narrow, bytes, sizeof narrow);
        *out = narrow;
    }
    return n_bytes == sizeof *out || n_bytes == sizeof narrow;
}

void probe_value_text(const struct machine_source *source, char *out, size_t cap, const char *name)
{
    char text[PROBE_PATH];
    int n = source->read_value(source->argument, name, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    copy_printable(text, out, cap);
}

static bool read_whole_lines(const struct machine_source *source, const char *path,
                             struct probe_text *out)
{
    int n = source->read_text(source->argument, path, out->data, PROBE_TEXT);
    if (n < 0) return false;
    while (n == PROBE_TEXT && n > 0 && out->data[n - 1] != '\n') n--;
    out->data[n] = 0;
    return true;
}

/* What follows the name in its line. */
static const char *find_line(const struct probe_text *text, const char *name)
{
    size_t n_name = strlen(name);
    for (const char *line = text->data; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, n_name) == 0) return line + n_name;
    }
    return NULL;
}

/* The place after the digits; NULL if there are none or they are too many. */
static const char *parse_digits(const char *text, uint64_t *out)
{
    uint64_t number = 0;
    if (!isdigit((unsigned char)*text)) return NULL;
    for (; isdigit((unsigned char)*text); text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10) return NULL;
        number = number * 10 + digit;
    }
    *out = number;
    return text;
}

static bool parse_number(const char *text, uint64_t *out)
{
    uint64_t number;
    while (*text == ' ' || *text == '\t') text++;
    const char *end = parse_digits(text, &number);
    if (!end || (*end && !isspace((unsigned char)*end))) return false;
    *out = number;
    return true;
}

/* The line, with runs of blanks as one and without those around it. */
static void copy_printable(const char *line, char *out, size_t cap)
{
    size_t n = 0;
    for (; *line && *line != '\n' && n + 1 < cap; line++) {
        bool blank = *line == ' ' || *line == '\t';
        if (blank && (n == 0 || out[n - 1] == ' ')) continue;
        if (blank || isgraph((unsigned char)*line)) out[n++] = blank ? ' ' : *line;
    }
    while (n > 0 && out[n - 1] == ' ') n--;
    out[n] = 0;
}
