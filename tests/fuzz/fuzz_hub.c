/* Any bytes as what people and servers say about models elsewhere: names, header fields, names of
 * files, and the headers of files as far as they came. The first byte chooses. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hub/address.h"
#include "hub/http_fields.h"
#include "hub/name.h"
#include "hub/quant.h"
#include "hub/split.h"
#include "plan/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_name(const char *text)
{
    struct hub_name name;
    heft_error error = {0};
    heft_status status = hub_name_parse(text, NULL, &name, &error);
    assert(status == HEFT_OK || (status == HEFT_USAGE && error.message[0]));
    if (status != HEFT_OK) return;
    assert(strncasecmp(name.origin, "http", 4) == 0);
    assert(!strstr(name.repo, "..") && name.repo[0] != '/' && !strchr(name.quant, '/'));
    assert((name.url[0] != 0) == (name.repo[0] == 0));
}

static void read_file_name(const char *text)
{
    char label[QUANT_LABEL_BYTES], other[4096];
    struct split split = split_parse(text);
    size_t n = strlen(text);
    assert(split.n_base <= n && split.n_name <= n && split_name_at(text) <= n);
    if (split.n_parts) split_part_name(text, &split, split.n_parts, other, sizeof other);
    if (quant_label(text, label)) assert(quant_match(text, label) == 0);
}

static void read_field(const char *text, size_t n_bytes)
{
    struct slice value = {text, n_bytes}, url;
    uint64_t first, total;
    if (http_link_next(value, &url))
        assert(url.data > text && url.data + url.n_bytes < text + n_bytes);
    if (http_content_range(value, &first, &total)) assert(first < total);
    http_field(value, "link", &url);
}

/* The more there is of a header, the longer it is known to be, until it is complete. */
static void read_header(const char *path, const uint8_t *data, size_t n_bytes)
{
    uint64_t before = 0, need = 0;
    for (size_t n = 1; n <= n_bytes && n <= 512; n++) {
        uint8_t *prefix = malloc(n); /* so that a byte too far is seen */
        if (!prefix) return;
        memcpy(prefix, data, n);
        heft_status status = remote_header_need(path, prefix, n, UINT64_MAX, &need, NULL);
        free(prefix);
        if (status != HEFT_OK) return;
        if (need <= n) return;
        assert(need >= before);
        before = need;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes == 0) return 0;
    char *text = malloc(n_bytes);
    if (!text) return 0;
    memcpy(text, data + 1, n_bytes - 1);
    text[n_bytes - 1] = 0;
    switch (data[0] % 5) {
    case 0:
        read_name(text);
        break;
    case 1:
        read_file_name(text);
        break;
    case 2:
        read_field(text, n_bytes - 1);
        break;
    case 3:
        read_header("m.gguf", data + 1, n_bytes - 1);
        break;
    case 4:
        read_header("m.safetensors", data + 1, n_bytes - 1);
        break;
    }
    address_may_have_token("https://huggingface.co", text);
    free(text);
    return 0;
}
