#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/hints.h"

enum { NAME_MAX_BYTES = 64, HELP_COLUMN = 34 };

struct found {
    const struct option *option;
    void *target;
};

static bool next_name(const char **names, char *name);
static struct found find(const struct option_group *groups, int n_groups, const char *name);
static heft_status unknown(const struct option_group *groups, int n_groups, const char *name,
                           heft_error *error);
static heft_status store(struct found found, const char *name, const char *text, heft_error *error);
static heft_status parse_number(const struct option *option, const char *name, const char *text,
                                double *out, heft_error *error);
static heft_status store_choice(struct found found, const char *name, const char *text,
                                heft_error *error);
static heft_status store_item(struct text_list *list, const char *name, const char *text,
                              heft_error *error);
static void print_option(const struct option *option);

heft_status options_parse(const struct option_group *groups, int n_groups, int argc, char **argv,
                          struct words *words, heft_error *error)
{
    *words = (struct words){.items = argv};
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        char *text = argv[i];
        if (only_words || text[0] != '-' || text[1] == 0) {
            words->items[words->n_items++] = text;
            continue;
        }
        if (strcmp(text, "--") == 0) {
            only_words = true;
            continue;
        }
        if (strcmp(text, "-h") == 0 || strcmp(text, "--help") == 0) {
            words->help = true;
            return HEFT_OK;
        }
        char *equals = text[1] == '-' ? strchr(text, '=') : NULL;
        if (equals) *equals = 0;
        struct found found = find(groups, n_groups, text);
        if (!found.option) return unknown(groups, n_groups, text, error);
        bool is_flag = found.option->type == OPTION_FLAG;
        if (is_flag && equals) return error_set(error, HEFT_USAGE, "%s takes no value", text);
        const char *value = equals ? equals + 1 : NULL;
        if (!is_flag && !value) {
            if (++i == argc)
                return error_set(error, HEFT_USAGE, "%s needs a value: %s", text,
                                 found.option->value);
            value = argv[i];
        }
        heft_status status = store(found, text, value, error);
        if (status != HEFT_OK) return status;
    }
    return HEFT_OK;
}

heft_status options_set(const struct option_group *groups, int n_groups, const char *name,
                        const char *value, heft_error *error)
{
    struct found found = find(groups, n_groups, name);
    if (!found.option) return unknown(groups, n_groups, name, error);
    if (found.option->type == OPTION_TEXT || found.option->type == OPTION_LIST)
        return error_set(error, HEFT_USAGE, "%s can only be given at the start", name);
    return store(found, name, value, error);
}

void options_print(const struct option_group *groups, int n_groups)
{
    for (int i = 0; i < n_groups; i++) {
        printf("\n%s:\n", groups[i].title);
        for (int j = 0; j < groups[i].n_options; j++) print_option(&groups[i].options[j]);
    }
}

/* Copies the next of several names and steps over it. */
static bool next_name(const char **names, char *name)
{
    *names += strspn(*names, " ");
    size_t n = strcspn(*names, " ");
    if (n == 0 || n >= NAME_MAX_BYTES) return false;
    memcpy(name, *names, n);
    name[n] = 0;
    *names += n;
    return true;
}

static struct found find(const struct option_group *groups, int n_groups, const char *name)
{
    char candidate[NAME_MAX_BYTES];
    for (int i = 0; i < n_groups; i++) {
        for (int j = 0; j < groups[i].n_options; j++) {
            const struct option *option = &groups[i].options[j];
            for (const char *names = option->names; next_name(&names, candidate);)
                if (strcmp(candidate, name) == 0)
                    return (struct found){option, (char *)groups[i].base + option->offset};
        }
    }
    return (struct found){0};
}

static heft_status unknown(const struct option_group *groups, int n_groups, const char *name,
                           heft_error *error)
{
    const char *hint = hint_for_option(name);
    if (hint) return error_set(error, HEFT_USAGE, "there is no option %s: %s", name, hint);
    struct nearest nearest = {.wanted = name};
    char candidate[NAME_MAX_BYTES];
    nearest_offer(&nearest, "--help");
    for (int i = 0; i < n_groups; i++)
        for (int j = 0; j < groups[i].n_options; j++)
            for (const char *names = groups[i].options[j].names; next_name(&names, candidate);)
                nearest_offer(&nearest, candidate);
    if (nearest.name[0])
        return error_set(error, HEFT_USAGE, "there is no option %s; did you mean %s?", name,
                         nearest.name);
    return error_set(error, HEFT_USAGE, "there is no option %s; --help lists those there are",
                     name);
}

static heft_status store(struct found found, const char *name, const char *text, heft_error *error)
{
    double number = 0;
    enum option_type type = found.option->type;
    if (type == OPTION_INT || type == OPTION_INT64 || type == OPTION_FLOAT) {
        heft_status status = parse_number(found.option, name, text, &number, error);
        if (status != HEFT_OK) return status;
    }
    switch (type) {
    case OPTION_FLAG:
        *(bool *)found.target = true;
        break;
    case OPTION_INT:
        *(int *)found.target = (int)number;
        break;
    case OPTION_INT64:
        *(int64_t *)found.target = (int64_t)number;
        break;
    case OPTION_FLOAT:
        *(float *)found.target = (float)number;
        break;
    case OPTION_TEXT:
        *(const char **)found.target = text;
        break;
    case OPTION_LIST:
        return store_item(found.target, name, text, error);
    case OPTION_CHOICE:
        return store_choice(found, name, text, error);
    }
    return HEFT_OK;
}

/* Doubles hold every whole number that an option can ask for. */
static heft_status parse_number(const struct option *option, const char *name, const char *text,
                                double *out, heft_error *error)
{
    char *end;
    bool whole = option->type != OPTION_FLOAT;
    *out = strtod(text, &end);
    for (int i = 0; option->choices && option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) != 0) continue;
        *out = -1 - i;
        return HEFT_OK;
    }
    if (end == text || *end || !isfinite(*out) || (whole && *out != floor(*out)))
        return error_set(error, HEFT_USAGE, "%s needs a %s, not \"%s\"", name,
                         whole ? "whole number" : "number", text);
    if (*out < option->least || *out > option->most)
        return error_set(error, HEFT_USAGE, "%s %s is out of range: it goes from %.15g to %.15g",
                         name, text, option->least, option->most);
    return HEFT_OK;
}

static heft_status store_choice(struct found found, const char *name, const char *text,
                                heft_error *error)
{
    char all[256] = "";
    for (int i = 0; found.option->choices[i]; i++) {
        if (strcmp(found.option->choices[i], text) == 0) {
            *(int *)found.target = i;
            return HEFT_OK;
        }
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", found.option->choices[i]);
    }
    return error_set(error, HEFT_USAGE, "%s is one of %s, not \"%s\"", name, all, text);
}

static heft_status store_item(struct text_list *list, const char *name, const char *text,
                              heft_error *error)
{
    if (list->n_items == TEXT_LIST_MAX)
        return error_set(error, HEFT_USAGE, "%s can be given %d times", name, TEXT_LIST_MAX);
    list->items[list->n_items++] = text;
    return HEFT_OK;
}

static void print_option(const struct option *option)
{
    char name[NAME_MAX_BYTES];
    const char *names = option->names;
    int column = printf("  ");
    for (int i = 0; i < 2 && next_name(&names, name); i++)
        column += printf("%s%s", i ? ", " : "", name);
    if (option->value) column += printf(" %s", option->value);
    for (const char *line = option->help; *line;) {
        if (column > HELP_COLUMN - 2) {
            putchar('\n');
            column = 0;
        }
        int n = (int)strcspn(line, "\n");
        printf("%*s%.*s\n", HELP_COLUMN - column, "", n, line);
        line += n + (line[n] == '\n');
        column = 0;
    }
}
