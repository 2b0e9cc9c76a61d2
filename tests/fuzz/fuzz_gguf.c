/* Any bytes as one GGUF file. What is accepted must hold: all values and tensors are read. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "format/gguf_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static volatile unsigned sink; /* so that the reads below happen */

static void read_bytes(const void *data, size_t n_bytes)
{
    const uint8_t *bytes = data;
    unsigned sum = 0;
    for (size_t i = 0; i < n_bytes; i++) sum += bytes[i];
    sink = sum;
}

static void read_value(const struct gguf_value *value)
{
    int64_t integer = 0;
    double number = 0;
    if (value->type == GGUF_STRING) read_bytes(value->text.data, value->text.n_bytes);
    gguf_value_int(value, &integer);
    gguf_value_float(value, &number);
    for (uint64_t i = 0; value->type == GGUF_ARRAY && i < value->n; i++) {
        if (value->texts) read_bytes(value->texts[i].data, value->texts[i].n_bytes);
        gguf_array_int(value, i, &integer);
        gguf_array_float(value, i, &number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char path[] = "fuzz.gguf";
    heft_error error = {0};
    struct gguf_part part = {.path = path, .map = {data, n_bytes}};
    heft_status status = gguf_part_parse(&part, &error);
    assert(status == HEFT_OK || (status == HEFT_BAD_FILE && error.message[0]));
    for (int i = 0; status == HEFT_OK && i < part.n_values; i++) {
        read_value(&part.values[i]);
        assert(gguf_part_find(&part, part.values[i].key) == &part.values[i]);
    }
    for (int i = 0; status == HEFT_OK && i < part.n_tensors; i++) {
        const struct tensor *tensor = &part.tensors[i];
        assert(tensor->n_bytes == dtype_bytes(tensor->dtype, tensor_n_values(tensor)));
        read_bytes(tensor->data, tensor->n_bytes);
    }
    gguf_part_clear(&part);
    return 0;
}
