#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* A signal handler can be reached by nothing but globals. */
static heft_engine *volatile cancelled_engine;
static volatile sig_atomic_t seen;
static struct sigaction before;

static void on_signal(int number)
{
    if (seen) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    seen = 1;
    heft_engine *engine = cancelled_engine;
    if (engine) heft_engine_cancel(engine);
}

void interrupt_begin(heft_engine *engine)
{
    cancelled_engine = engine;
    seen = 0;
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &before);
}

void interrupt_end(void)
{
    sigaction(SIGINT, &before, NULL);
    /* A signal that came after the last step is not for the next answer. */
    if (seen) heft_step(cancelled_engine, NULL, 0, NULL);
    cancelled_engine = NULL;
}
