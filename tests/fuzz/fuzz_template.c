/* The input is a template and, behind a NUL, JSON for its variables: a conversation stands in for
 * JSON that does not parse. Whatever they say, parsing and rendering end, within their limits. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"},"
    "{\"role\": \"user\", \"content\": \"<b>Gr\\u00fcezi</b> \\ud83d\\ude00\\n\"},"
    "{\"role\": \"assistant\", \"content\": null, \"reasoning_content\": \"why\", \"tool_calls\":"
    "[{\"id\": \"abcdefghi\", \"function\": {\"name\": \"f\", \"arguments\": {\"x\": [1, 2.5, "
    "true]}}}]},"
    "{\"role\": \"tool\", \"content\": [{\"type\": \"text\", \"text\": \"12\"}]}],"
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"d\","
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"x\": {\"type\": \"array\"}},"
    "\"required\": [\"x\"]}}}],"
    "\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"add_generation_prompt\": true,"
    "\"a\": -1, \"l\": [3, 1, 2], \"m\": {\"k\": \"v\"}, \"s\": \"text\", \"f\": 1e300, \"x\": "
    "\"\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct template_limits limits = {
        .steps = 100000, .memory_bytes = 8 << 20, .output_bytes = 1 << 20, .now = 1};
    const char *source = (const char *)data;
    const uint8_t *end = n_bytes ? memchr(data, 0, n_bytes) : NULL;
    size_t n_source = end ? (size_t)(end - data) : n_bytes;
    struct template *template;
    heft_error error;
    if (template_parse(source, n_source, &template, &error) != HEFT_OK) return 0;

    json_t *variables =
        end ? json_loadb((const char *)end + 1, n_bytes - n_source - 1, JSON_ALLOW_NUL, NULL)
            : NULL;
    if (!json_is_object(variables)) {
        json_decref(variables);
        variables = json_loads(conversation, 0, NULL);
    }
    json_t *before = json_deep_copy(variables);
    struct buffer out = {0};
    heft_status status = template_render(template, variables, &limits, &out, &error);
    assert(status == HEFT_OK || (out.n_bytes == 0 && error.message[0]) || status == HEFT_USAGE);
    assert(out.n_bytes <= limits.output_bytes);
    assert(json_equal(before, variables));
    buffer_free(&out);
    json_decref(before);
    json_decref(variables);
    template_free(template);
    return 0;
}
