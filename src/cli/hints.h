/* Help for those who type what another program would understand, or who mistype. */
#pragma once

/* What to use instead of an option of llama.cpp or ollama; NULL if there is nothing to say. */
const char *hint_for_option(const char *name);

/* The command of heft that does what `name` does elsewhere, or NULL. */
const char *hint_for_command(const char *name);

/* Remembers which of the names offered is nearest to what was wanted, if any is near enough. */
struct nearest {
    const char *wanted;
    char name[64]; /* "" if none */
    int distance;
};
void nearest_offer(struct nearest *nearest, const char *name);
