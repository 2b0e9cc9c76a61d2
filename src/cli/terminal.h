/* What standard output and standard error are connected to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool terminal_is(int fd);

/* Columns of the terminal, or 80. */
int terminal_width(void);

/* A line on standard error that is rewritten at most ten times a second; nothing where standard
 * error is not a terminal. Zero-initialise. */
struct progress {
    uint64_t shown_ns;
    bool visible;
};
void progress_show(struct progress *progress, const char *what, double done, double all);
void progress_end(struct progress *progress);
