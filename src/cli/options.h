/* Command-line options as tables: names, type, range and help of each, and where its value goes. */
#pragma once

#include "heft.h"

enum option_type {
    OPTION_FLAG,   /* bool: set to true */
    OPTION_INT,    /* int */
    OPTION_INT64,  /* int64_t */
    OPTION_FLOAT,  /* float */
    OPTION_TEXT,   /* const char *: points into argv */
    OPTION_LIST,   /* struct text_list: may be given more than once */
    OPTION_CHOICE, /* int or an enum: index of one of `choices` */
};

struct option {
    const char *names; /* "-n --predict --n-predict": the help shows the first two */
    enum option_type type;
    size_t offset;            /* of the value in the group's `base` */
    const char *value, *help; /* "N"; one or more short lines */
    double least, most;       /* of a number */
    /* NULL-terminated. Of a number: words that stand for -1, -2 ... */
    const char *const *choices;
};

struct option_group {
    const char *title;
    const struct option *options;
    int n_options;
    void *base;
};

#define OPTION_GROUP(title, table, base)                                                           \
    {                                                                                              \
        title, table, (int)(sizeof(table) / sizeof *(table)), base                                 \
    }

enum { TEXT_LIST_MAX = 64 };

struct text_list {
    const char *items[TEXT_LIST_MAX];
    int n_items;
};

/* What is left when the options are taken out. */
struct words {
    char **items;
    int n_items;
    bool help;
};

/* Takes --name VALUE and --name=VALUE until "--"; words and options may be mixed. `argv` is
 * reordered: words->items lies in it. An option that heft has not got is answered with what to use
 * instead. */
heft_status options_parse(const struct option_group *groups, int n_groups, int argc, char **argv,
                          struct words *words, heft_error *error);

/* Sets one option by a name with its dashes. Texts are refused: they would be borrowed. */
heft_status options_set(const struct option_group *groups, int n_groups, const char *name,
                        const char *value, heft_error *error);

/* The help of all groups, to standard output. */
void options_print(const struct option_group *groups, int n_groups);
