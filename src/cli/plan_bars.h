/* Memory as bars of characters: weights, cache, what is free and what the system keeps. */
#pragma once

#include "plan/plan.h"

struct bar_style {
    int width; /* columns of the terminal */
    bool colors;
    bool blocks; /* characters of UTF-8; else of ASCII */
};

/* As standard output and the environment (NO_COLOR, the locale) ask for. */
struct bar_style bar_style_here(void);

/* One bar for all of the machine, indented by two, and a legend with numbers. */
void plan_print_bar(const struct plan *plan, const struct bar_style *style);

/* A bar of exactly `n_columns` for a cell of a table; no line end. */
void plan_print_cell_bar(const struct plan *plan, int n_columns, const struct bar_style *style);
void plan_print_cell_legend(const struct bar_style *style);

/* Breaks a text between words; the following lines are indented by two. */
void plan_print_wrapped(const char *text, int width);
