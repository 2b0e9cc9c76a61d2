/* heft: the program. Each subcommand has a file; this one finds it and reports what it says. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/hints.h"
#include "cli/visible.h"

/* What shells say of a program that Ctrl-C has ended. */
enum { EXIT_INTERRUPTED = 130 };

static const struct command *const commands[] = {
    &command_run,      &command_chat,       &command_show,  &command_tokenize,
    &command_template, &command_perplexity, &command_bench, &command_plan,
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void set_locale(void);
static heft_status dispatch(int argc, char **argv, heft_error *error);
static heft_status unknown(const char *name, heft_error *error);
static void print_help(FILE *file);
static int report(heft_status status, const heft_error *error);

int main(int argc, char **argv)
{
    heft_error error = {0};
    set_locale();
    heft_status status = dispatch(argc, argv, &error);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written && status == HEFT_OK)
        status = error_set(&error, HEFT_BAD_FILE, "standard output cannot be written");
    return report(status, &error);
}

/* Line editing reads the terminal in the character set of the locale; ours is UTF-8 in any case. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
}

static heft_status dispatch(int argc, char **argv, heft_error *error)
{
    if (argc < 2) {
        print_help(stderr);
        return error_set(error, HEFT_USAGE, "a command is missing");
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("heft %s\n", heft_version());
        return HEFT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        if (argc == 2) {
            print_help(stdout);
            return HEFT_OK;
        }
        char *help[] = {argv[0], argv[2], "--help", NULL};
        return argv[2][0] == '-' ? unknown(argv[2], error) : dispatch(3, help, error);
    }
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i]->run(commands[i], argc - 2, argv + 2, error);
    return unknown(name, error);
}

static heft_status unknown(const char *name, heft_error *error)
{
    const char *ending = strrchr(name, '.');
    if (ending && strcmp(ending, ".gguf") == 0)
        return error_set(error, HEFT_USAGE, "a command comes first, as in `heft run -m %s`", name);
    if (name[0] == '-')
        return error_set(error, HEFT_USAGE,
                         "%s: a command comes before its options, as in `heft run -m model.gguf`; "
                         "`heft --help` lists the commands",
                         name);
    struct nearest nearest = {.wanted = name};
    for (int i = 0; i < N_COMMANDS; i++) nearest_offer(&nearest, commands[i]->name);
    const char *hint = hint_for_command(name);
    if (hint || nearest.name[0])
        return error_set(error, HEFT_USAGE, "there is no command \"%s\"; did you mean `heft %s`?",
                         name, hint ? hint : nearest.name);
    return error_set(error, HEFT_USAGE, "there is no command \"%s\"; `heft --help` lists them",
                     name);
}

static void print_help(FILE *file)
{
    fputs("heft runs large language models on one box.\n\nUsage: heft COMMAND [options]\n\n", file);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(file, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`heft COMMAND --help` says more. Try it with the demo model: heft run \"Hello\"\n",
          file);
}

static int report(heft_status status, const heft_error *error)
{
    if (status == HEFT_CANCELLED) return EXIT_INTERRUPTED;
    if (status != HEFT_OK) visible_print(stderr, "heft: %s\n", error->message);
    return (int)status;
}
