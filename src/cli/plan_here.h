/* This machine as a box: what it has, what is free now, and how fast it was measured to be. */
#pragma once

#include "heft.h"
#include "plan/box.h"

struct here_options {
    const char *model; /* whose drive is probed; NULL: none */
    double bandwidth;  /* bytes a second, given by the user; 0: measure, or take what was kept */
    bool again;        /* measure although something was kept */
    bool quiet;
};

heft_status here_box(const struct here_options *options, struct box *out, heft_error *error);
