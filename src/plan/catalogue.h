/* The models and machines that heft knows without asking anybody: models/catalogue.json, which is
 * compiled in. */
#pragma once

#include "heft.h"
#include "plan/box.h"
#include "plan/geometry.h"

struct catalogue;

heft_status catalogue_open(struct catalogue **out, heft_error *error);
/* The same from a text of one's own; for tests. */
heft_status catalogue_parse(const char *text, size_t n_bytes, struct catalogue **out,
                            heft_error *error);
void catalogue_close(struct catalogue *catalogue); /* NULL is fine */

/* ---- models ---- */

int catalogue_n_models(const struct catalogue *catalogue);
const char *catalogue_id(const struct catalogue *catalogue, int model); /* "command-r-plus" */
const char *catalogue_alias(const struct catalogue *catalogue, int model, int index); /* or NULL */

/* By id or alias, whatever the case and with blanks or dashes between words; -1: none. */
int catalogue_find(const struct catalogue *catalogue, const char *name);

/* True for one that differs from another entry in its weights and its name alone. */
bool catalogue_is_variant(const struct catalogue *catalogue, int model);

/* False for the few whose layers are not described. */
bool catalogue_has_geometry(const struct catalogue *catalogue, int model);
heft_status catalogue_geometry(const struct catalogue *catalogue, int model, struct geometry *out,
                               heft_error *error);

/* Of the file that is published under the name of a mix, as its publisher states it; 0: none is
 * known. */
uint64_t catalogue_published_bytes(const struct catalogue *catalogue, int model, const char *mix);
double catalogue_published_parameters(const struct catalogue *catalogue, int model);

/* ---- boxes ---- */

const struct box *catalogue_boxes(const struct catalogue *catalogue, int *n);

/* By id, or by some of its words if only one machine has them: m3-ultra-256, h200; NULL: none. */
const struct box *catalogue_box(const struct catalogue *catalogue, const char *name);
