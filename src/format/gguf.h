/* GGUF files, versions 2 and 3, single or split: named values and tensors, used where they lie in
 * the read-only map. Everything in the header has been checked against the file when gguf_open
 * returns, so no other code needs to; what it holds lives until gguf_close. */
#pragma once

#include "base/file.h"
#include "base/slice.h"
#include "heft.h"
#include "tensor/tensor.h"

/* The numbers of the file. */
enum gguf_type {
    GGUF_U8 = 0,
    GGUF_I8 = 1,
    GGUF_U16 = 2,
    GGUF_I16 = 3,
    GGUF_U32 = 4,
    GGUF_I32 = 5,
    GGUF_F32 = 6,
    GGUF_BOOL = 7,
    GGUF_STRING = 8,
    GGUF_ARRAY = 9,
    GGUF_U64 = 10,
    GGUF_I64 = 11,
    GGUF_F64 = 12,
    GGUF_TYPES = 13
};

struct gguf_value {
    const char *key; /* NUL-terminated, printable ASCII */
    enum gguf_type type;
    union {
        uint64_t u; /* U8 U16 U32 U64 */
        int64_t i;  /* I8 I16 I32 I64 */
        double f;   /* F32 F64 */
        bool b;
        struct slice text; /* any bytes */
    };
    enum gguf_type element; /* of an ARRAY, never ARRAY itself */
    uint64_t n;
    const void *items;         /* packed and unaligned; NULL for strings */
    const struct slice *texts; /* of strings, [n] */
};

struct gguf;

/* Any part of a split model ("...-00002-of-00005.gguf") opens all of it. */
heft_status gguf_open(const char *path, struct gguf **out, heft_error *error);
void gguf_close(struct gguf *file); /* NULL is fine */

/* An error that names the first hole if weights were never written: an interrupted copy or download
 * has the length of the whole file. Few zeros are let pass, as a copy that leaves them out makes
 * holes of padding. */
heft_status gguf_check_holes(const struct gguf *file, heft_error *error);

int gguf_version(const struct gguf *file);
uint64_t gguf_bytes(const struct gguf *file); /* of all parts, headers included */
int gguf_n_parts(const struct gguf *file);
const char *gguf_part_path(const struct gguf *file, int part);
uint64_t gguf_part_bytes(const struct gguf *file, int part);
const struct file_map *gguf_part_map(const struct gguf *file, int part);

/* In the order of the file, part after part; find gives NULL if there is none of that name. */
int gguf_n_tensors(const struct gguf *file);
const struct tensor *gguf_tensor(const struct gguf *file, int index);
const struct tensor *gguf_find_tensor(const struct gguf *file, const char *name); /* or NULL */
int gguf_find_tensor_index(const struct gguf *file, const char *name);            /* or -1 */

/* The metadata of a split model is that of its first part; find gives NULL for an absent key. */
int gguf_n_values(const struct gguf *file);
const struct gguf_value *gguf_value(const struct gguf *file, int index);
const struct gguf_value *gguf_find(const struct gguf *file, const char *key);

/* Conversions that keep the number: any integer type or BOOL that fits; any number as a float.
 * False if it does not, or if the index is not in the array. */
bool gguf_value_int(const struct gguf_value *value, int64_t *out);
bool gguf_value_float(const struct gguf_value *value, double *out);
bool gguf_array_int(const struct gguf_value *value, uint64_t index, int64_t *out);
bool gguf_array_float(const struct gguf_value *value, uint64_t index, double *out);

const char *gguf_type_name(enum gguf_type type);
