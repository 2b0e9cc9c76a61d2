#include <stdio.h>

#include "cli/plan_print.h"
#include "cli/visible.h"

enum { NAME = 24, WEIGHTS = 9, CELL = 17, CELL_BAR = 16, BOX = 8, PLAIN_WIDTH = 100 };

static void print_wide(const struct plan_table *table, const struct bar_style *bars);
static void print_tall(const struct plan_table *table, const struct bar_style *bars);
static void print_notes(const struct plan_table *table, int width);
static const char *mix_name(const struct plan_table *table);
static const char *short_count(int n, char *text);

/* Of each box: how much context fits, and how fast it can be at most; or else the largest
 * quantization that fits. With bars, in as many columns as the terminal has. */
void plan_print_table(const struct plan_table *table, const struct bar_style *bars)
{
    int wide = NAME + 1 + WEIGHTS + 1 + table->n_boxes * (1 + CELL);
    if (bars && bars->width < wide)
        print_tall(table, bars);
    else
        print_wide(table, bars);
    visible_print(stdout, "\n");
    if (bars) plan_print_cell_legend(bars);
    print_notes(table, bars ? bars->width : PLAIN_WIDTH);
}

const char *plan_cell_text(const struct plan *plan, char *text)
{
    char context[16], rate[16] = "";
    struct instead largest = {0};
    if (plan->verdict != VERDICT_DOES_NOT_FIT) {
        if (plan->speed.ceiling > 0) snprintf(rate, sizeof rate, " %.1f/s", plan->speed.ceiling);
        snprintf(text, PLAN_CELL_TEXT, "%s%s%s", short_count((int)plan->n_ctx_largest, context),
                 rate, plan->raise_to > 0 ? " *" : "");
        return text;
    }
    plan_largest_mix(&plan->question, &largest);
    if (largest.mix)
        snprintf(text, PLAN_CELL_TEXT, "(%s)", largest.mix->name);
    else
        snprintf(text, PLAN_CELL_TEXT, "-");
    return text;
}

void plan_print_boxes(const struct box *boxes, int n_boxes)
{
    visible_print(stdout, "%-26s %8s %9s %9s %8s %8s  %s\n", "", "memory", "usable", "raised",
                  "GB/s", "TFLOPS", "");
    for (int i = 0; i < n_boxes; i++) {
        const struct box *box = &boxes[i];
        visible_print(stdout, "%-26s %8.1f %9.1f %9.1f %8.0f %8.0f  %s\n", box->id,
                      (double)box->memory / 1e9, (double)box->usable / 1e9,
                      (double)box->usable_raised / 1e9, box->bandwidth / 1e9, box->flops / 1e12,
                      box->name);
    }
}

/* A row for each model. */
static void print_wide(const struct plan_table *table, const struct bar_style *bars)
{
    char text[PLAN_CELL_TEXT], size[24];
    visible_print(stdout, "%-*s %*s ", NAME, mix_name(table), WEIGHTS, "weights");
    for (int j = 0; j < table->n_boxes; j++) {
        snprintf(text, sizeof text, "%.0f GB", (double)table->boxes[j].memory / (1 << 30));
        visible_print(stdout, " %-*s", CELL, text);
    }
    visible_print(stdout, "\n");
    for (int i = 0; i < table->n_models; i++) {
        const struct plan *cells = &table->cells[i * table->n_boxes];
        visible_print(stdout, "%-*.*s %*s ", NAME, NAME, table->models[i].name, WEIGHTS,
                      plan_gigabytes(size, (double)cells->memory.weights));
        for (int j = 0; j < table->n_boxes; j++)
            visible_print(stdout, " %-*s", CELL, plan_cell_text(&cells[j], text));
        visible_print(stdout, "\n");
        if (!bars) continue;
        visible_print(stdout, "%*s", NAME + 1 + WEIGHTS + 1, "");
        for (int j = 0; j < table->n_boxes; j++) {
            visible_print(stdout, " ");
            plan_print_cell_bar(&cells[j], CELL_BAR, bars);
            if (j < table->n_boxes - 1) visible_print(stdout, "%*s", CELL - CELL_BAR, "");
        }
        visible_print(stdout, "\n");
    }
}

/* A row for each model and box. */
static void print_tall(const struct plan_table *table, const struct bar_style *bars)
{
    char text[PLAN_CELL_TEXT], size[24];
    int room = bars->width - BOX - 1 - CELL - 2;
    if (mix_name(table)[0]) visible_print(stdout, "%s\n", mix_name(table));
    for (int i = 0; i < table->n_models; i++) {
        const struct plan *cells = &table->cells[i * table->n_boxes];
        visible_print(stdout, "\n%.*s, %s\n", NAME, table->models[i].name,
                      plan_gigabytes(size, (double)cells->memory.weights));
        for (int j = 0; j < table->n_boxes; j++) {
            visible_print(stdout, "%*.0f GB ", BOX - 3, (double)table->boxes[j].memory / (1 << 30));
            plan_print_cell_bar(&cells[j], room < 2 * CELL_BAR ? room : 2 * CELL_BAR, bars);
            visible_print(stdout, "  %s\n", plan_cell_text(&cells[j], text));
        }
    }
}

static void print_notes(const struct plan_table *table, int width)
{
    char text[160];
    plan_print_wrapped("a context of K = 1024 tokens fits, tokens/s at most; * after raising the "
                       "limit of the system; (Q2_K) the largest quantization that does fit; - none "
                       "does",
                       width);
    for (int j = 0; j < table->n_boxes; j++) {
        const struct box *box = &table->boxes[j];
        int n = snprintf(text, sizeof text, "%.0f GB is %s", (double)box->memory / (1 << 30),
                         box->name);
        if (box->bandwidth > 0)
            snprintf(text + n, sizeof text - (size_t)n, ", %.0f GB/s", box->bandwidth / 1e9);
        plan_print_wrapped(text, width);
    }
}

static const char *mix_name(const struct plan_table *table)
{
    bool is_empty = table->n_models == 0 || table->n_boxes == 0;
    const struct mix *mix = is_empty ? NULL : table->cells->question.mix;
    return mix ? mix->name : "";
}

static const char *short_count(int n, char *text)
{
    if (n < 1024)
        snprintf(text, 16, "%d", n);
    else
        snprintf(text, 16, "%dK", n / 1024);
    return text;
}
