/* A model on a hub, planned from its headers: hub/ fetches them, and this knows how long they are.
 */
#pragma once

#include "hub/hub.h"

struct remote {
    char *path; /* for whoever opens models: a GGUF file, or a folder with safetensors */
    struct hub_model model;
};

/* True for "org/repo", "org/repo:Q4_K_M" and addresses; a file of that name here goes first. */
bool remote_is_name(const char *name);

heft_status remote_open_with(const struct hub_options *options, const char *name,
                             struct remote *out, heft_error *error);
void remote_close(struct remote *remote);

/* The hub_header_need of GGUF and safetensors files, told apart by their names. What is wrong in a
 * header beyond its beginning is left for the reader of the format to say. */
heft_status remote_header_need(const char *path, const void *data, size_t n_bytes,
                               uint64_t file_bytes, uint64_t *need, heft_error *error);
