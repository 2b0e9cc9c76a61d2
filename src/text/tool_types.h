/* The types that tools declare for their parameters: dialects that write values without quotes
 * leave it to them whether 12 is a number or a text. `tools` is an array as in heft_chat, or NULL.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/slice.h"

bool tool_is_offered(const json_t *tools, struct slice tool);

/* True if any value is a string. */
bool parameter_is_text(const json_t *tools, struct slice tool, struct slice name);

/* The JSON that a value stands for, a part of it or a constant; empty if it is a string. Where
 * nothing is declared, what reads as JSON is JSON. */
struct slice parameter_json(const json_t *tools, struct slice tool, struct slice name,
                            struct slice value);
