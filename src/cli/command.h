/* What the program knows of a subcommand; main.c has the table. */
#pragma once

#include "cli/options.h"
#include "heft.h"

struct command {
    const char *name;
    const char *usage;    /* "[options] [PROMPT|-]" */
    const char *summary;  /* one line for `heft --help` */
    const char *details;  /* paragraphs for `heft run --help` */
    const char *examples; /* lines, each indented by two spaces */
    heft_status (*run)(const struct command *self, int argc, char **argv, heft_error *error);
};

extern const struct command command_run, command_chat, command_show, command_tokenize,
    command_template, command_perplexity, command_bench, command_plan;

/* Parses what follows the name of the command. When --help was among it, the help has been printed,
 * words->help is set, and the command has nothing left to do. */
heft_status command_parse(const struct command *command, const struct option_group *groups,
                          int n_groups, int argc, char **argv, struct words *words,
                          heft_error *error);
