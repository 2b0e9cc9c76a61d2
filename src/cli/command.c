#include "cli/command.h"

#include <stdio.h>

heft_status command_parse(const struct command *command, const struct option_group *groups,
                          int n_groups, int argc, char **argv, struct words *words,
                          heft_error *error)
{
    heft_status status = options_parse(groups, n_groups, argc, argv, words, error);
    if (status != HEFT_OK || !words->help) return status;
    printf("Usage: heft %s %s\n\n%s\n", command->name, command->usage, command->details);
    options_print(groups, n_groups);
    printf("\nExamples:\n%s", command->examples);
    return HEFT_OK;
}
