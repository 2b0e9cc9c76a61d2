/* What `heft plan` prints: one plan, or a table, as text or as JSON. */
#pragma once

#include "cli/output.h"
#include "cli/plan_subject.h"
#include "plan/plan.h"

void plan_print_text(const struct subject *subject, const struct plan *plan);
json_t *plan_json(const struct subject *subject, const struct plan *plan);

void plan_print_table(const struct plan_table *table);
json_t *plan_table_json(const struct plan_table *table);

void plan_print_boxes(const struct box *boxes, int n_boxes);
json_t *plan_boxes_json(const struct box *boxes, int n_boxes);

/* "243.1 GB": powers of ten, as files are listed; `text` has room for 24. Returns `text`. */
const char *plan_gigabytes(char *text, double n_bytes);
