/* Plans as pictures: where the memory goes, as bars, in SVG. The same plan is the same bytes. */
#pragma once

#include "cli/plan_subject.h"
#include "plan/plan.h"

/* `path` may be "-", for standard output. */
heft_status plan_svg_save(const struct subject *subject, const struct plan *plan, const char *path,
                          heft_error *error);
heft_status plan_svg_save_table(const struct plan_table *table, const char *path,
                                heft_error *error);
