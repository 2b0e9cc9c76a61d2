#include "cli/terminal.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

bool terminal_is(int fd)
{
    return isatty(fd) == 1;
}

int terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

void progress_show(struct progress *progress, const char *what, double done, double all)
{
    const uint64_t interval_ns = 100000000;
    if (!terminal_is(STDERR_FILENO)) return;
    uint64_t now = clock_ns();
    if (progress->shown_ns && now - progress->shown_ns < interval_ns) return;
    /* The first call only starts the clock: what is done at once needs no progress. */
    if (progress->shown_ns) {
        fprintf(stderr, "\r%s %3.0f %%\x1b[K", what, all > 0 ? 100 * done / all : 0);
        fflush(stderr);
        progress->visible = true;
    }
    progress->shown_ns = now;
}

void progress_end(struct progress *progress)
{
    if (progress->visible) fputs("\r\x1b[K", stderr);
    *progress = (struct progress){0};
}
