/* A folder as hubs publish models: config.json, and safetensors files of which the headers are
 * read.
 */
#pragma once

#include "heft.h"
#include "plan/geometry.h"

heft_status folder_geometry(const char *path, struct geometry *out, heft_error *error);
