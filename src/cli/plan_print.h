/* What `heft plan` prints: one plan, or a table, as text or as JSON. */
#pragma once

#include "cli/output.h"
#include "cli/plan_bars.h"
#include "cli/plan_subject.h"
#include "plan/plan.h"

/* `bars` is NULL where none are wanted. */
void plan_print_text(const struct subject *subject, const struct plan *plan,
                     const struct bar_style *bars);
json_t *plan_json(const struct subject *subject, const struct plan *plan);

void plan_print_table(const struct plan_table *table, const struct bar_style *bars);
json_t *plan_table_json(const struct plan_table *table);

void plan_print_boxes(const struct box *boxes, int n_boxes);
json_t *plan_boxes_json(const struct box *boxes, int n_boxes);

/* "243.1 GB": powers of ten, as files are listed; `text` has room for 24. Returns `text`. */
const char *plan_gigabytes(char *text, double n_bytes);
const char *plan_duration(char *text, double seconds); /* "9.9 min" */
const char *plan_rate(char *text, double tokens);      /* "3.4", "257" */

/* What a cell of a table says: "25K 3.4/s *", "(Q2_K)" or "-". Returns `text`. */
enum { PLAN_CELL_TEXT = 48 };
const char *plan_cell_text(const struct plan *plan, char *text);

/* The weights as they are drawn, in bytes. */
struct plan_shares {
    double attention, feed_forward, experts, other;
};
struct plan_shares plan_shares_of(const struct plan *plan);
