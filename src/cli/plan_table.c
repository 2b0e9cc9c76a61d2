#include <stdio.h>

#include "cli/plan_print.h"

enum { CELL = 17, CELL_TEXT = 32 };

static void cell_text(const struct plan *plan, char *text);
static const char *short_count(int n, char *text);

/* Of each box: how much context fits, and how fast it can be at most; or else the largest
 * quantization that fits. */
void plan_print_table(const struct plan_table *table)
{
    char text[CELL_TEXT], size[24];
    const struct mix *mix =
        table->n_models > 0 && table->n_boxes > 0 ? table->cells->question.mix : NULL;
    printf("%-24s %9s ", mix ? mix->name : "", "weights");
    for (int j = 0; j < table->n_boxes; j++) {
        snprintf(text, sizeof text, "%.0f GB", (double)table->boxes[j].memory / (1 << 30));
        printf(" %-*s", CELL, text);
    }
    printf("\n");
    for (int i = 0; i < table->n_models; i++) {
        const struct plan *cells = &table->cells[i * table->n_boxes];
        printf("%-24.24s %9s ", table->models[i].name,
               plan_gigabytes(size, (double)cells->memory.weights));
        for (int j = 0; j < table->n_boxes; j++) {
            cell_text(&cells[j], text);
            printf(" %-*s", CELL, text);
        }
        printf("\n");
    }
    printf("\na context of K = 1024 tokens fits, tokens/s at most; * after raising the limit of "
           "macOS;\n(Q2_K) the largest quantization that does fit; - none does\n");
    for (int j = 0; j < table->n_boxes; j++)
        printf("%.0f GB is %s, %.0f GB/s\n", (double)table->boxes[j].memory / (1 << 30),
               table->boxes[j].name, table->boxes[j].bandwidth / 1e9);
}

void plan_print_boxes(const struct box *boxes, int n_boxes)
{
    printf("%-26s %8s %9s %9s %8s %8s  %s\n", "", "memory", "usable", "raised", "GB/s", "TFLOPS",
           "");
    for (int i = 0; i < n_boxes; i++) {
        const struct box *box = &boxes[i];
        printf("%-26s %8.1f %9.1f %9.1f %8.0f %8.0f  %s\n", box->id, (double)box->memory / 1e9,
               (double)box->usable / 1e9, (double)box->usable_raised / 1e9, box->bandwidth / 1e9,
               box->flops / 1e12, box->name);
    }
}

static void cell_text(const struct plan *plan, char *text)
{
    char context[16];
    struct instead largest = {0};
    if (plan->verdict != VERDICT_DOES_NOT_FIT) {
        snprintf(text, CELL_TEXT, "%s %.1f/s%s", short_count((int)plan->n_ctx_largest, context),
                 plan->speed.ceiling, plan->raise_to > 0 ? " *" : "");
        return;
    }
    plan_largest_mix(&plan->question, &largest);
    if (largest.mix)
        snprintf(text, CELL_TEXT, "(%s)", largest.mix->name);
    else
        snprintf(text, CELL_TEXT, "-");
}

static const char *short_count(int n, char *text)
{
    if (n < 1024)
        snprintf(text, 16, "%d", n);
    else
        snprintf(text, 16, "%dK", n / 1024);
    return text;
}
