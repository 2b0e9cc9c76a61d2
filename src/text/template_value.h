/* Values as Python has them, and what is done with them: the lower half of template_private.h. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/slice.h"

struct render;

/* ---- values (template_value.c, template_dict.c) ---- */

enum value_kind {
    VALUE_ABSENT, /* an argument that was not given; never seen by a template */
    VALUE_UNDEFINED,
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_TUPLE,
    VALUE_GENERATOR, /* a list that can be walked once */
    VALUE_VIEW,      /* dict.keys(), .values() and .items(): walked and measured, not indexed */
    VALUE_RANGE,
    VALUE_DICT,
    VALUE_NAMESPACE, /* a dict whose attributes `set` may change */
    VALUE_MACRO,
    VALUE_FUNCTION,
    VALUE_LOOP
};

struct value {
    uint8_t kind;
    uint8_t owner; /* of an undefined attribute: the kind that lacks it; 0: a variable */
    bool safe;     /* of a string: markup, so that joining plain text to it escapes the text */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct slice text; /* of an undefined: its name */
        struct list *list;
        struct dict *dict;
        struct range *range;
        struct macro *macro;
        struct function *function;
        struct loop *loop;
    };
};

struct list {
    struct value *items;
    size_t n, capacity;
    size_t n_taken; /* by those who walked a generator */
};

struct range {
    int64_t start, stop, step;
    size_t n;
};

/* Keeps the order of insertion. */
struct dict {
    struct dict_entry {
        struct value key, value;
        uint64_t hash;
    } * entries;
    size_t n, capacity;
    uint32_t *index; /* [n_index] entry + 1, or 0; NULL while the dict is small */
    size_t n_index;  /* a power of two */
};

#define UNDEFINED ((struct value){.kind = VALUE_UNDEFINED})
#define NONE      ((struct value){.kind = VALUE_NONE})

static inline struct value value_bool(bool boolean)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = boolean};
}

static inline struct value value_int(int64_t integer)
{
    return (struct value){.kind = VALUE_INT, .integer = integer};
}

static inline struct value value_float(double number)
{
    return (struct value){.kind = VALUE_FLOAT, .number = number};
}

static inline struct value value_text(struct slice text)
{
    return (struct value){.kind = VALUE_STRING, .text = text};
}

static inline struct value value_list(struct list *list)
{
    return (struct value){.kind = VALUE_LIST, .list = list};
}

/* A name that is not there; `owner` as in struct value. */
struct value value_undefined(struct slice name, enum value_kind owner);

const char *value_type(struct value value); /* "str", "list": Python's name for it */
bool value_is_number(struct value value);   /* bool, int or float */
bool value_truth(struct render *render, struct value value);
bool value_equal(struct render *render, struct value a, struct value b);
int value_compare(struct render *render, struct value a,
                  struct value b);               /* fails where Python does */
bool value_same(struct value a, struct value b); /* `is` */
bool value_contains(struct render *render, struct value container, struct value item);
bool value_has_length(struct value value);
size_t value_length(struct render *render, struct value value);
double value_number(struct value value);   /* of a bool, int or float */
int64_t value_integer(struct value value); /* of a bool or int */

struct list *list_create(struct render *render, size_t capacity);
void list_append(struct render *render, struct list *list, struct value item);
void list_reverse(struct list *list);
struct value list_of_two(struct render *render, struct value a, struct value b); /* a tuple */

/* The items of anything that can be walked; the list itself where it is one, so do not change it.
 */
struct list *list_from(struct render *render, struct value iterable);

/* Sorts by the keys beside the items, keeping the order of those whose keys are equal. */
void list_sort(struct render *render, struct list *items, struct list *keys, bool reverse);

/* Walks without building a list. */
struct cursor {
    struct value source;
    size_t at;
};
bool cursor_is_possible(struct value source);
struct cursor cursor_open(struct render *render, struct value source); /* fails if not iterable */
bool cursor_next(struct render *render, struct cursor *cursor, struct value *item);

struct dict *dict_create(struct render *render, size_t capacity);
struct value *dict_find(struct render *render, const struct dict *dict, struct value key);
struct value *dict_find_text(struct render *render, const struct dict *dict, struct slice key);
void dict_set(struct render *render, struct dict *dict, struct value key, struct value value);

/* ---- text of values (template_print.c, template_json.c) ---- */

void print_value(struct render *render, struct value value); /* str(value), to the output */
void print_repr(struct render *render, struct value value);
struct slice print_to_text(struct render *render, struct value value); /* no copy of a string */

/* The float that `text` begins with; *end, which may be NULL, is set behind it. Always with '.'. */
double number_read(const char *text, const char **end);

struct json_style {
    bool ensure_ascii, sort_keys;
    bool indented;
    struct slice indent, between_items, after_key;
};
void json_print(struct render *render, struct value value, const struct json_style *style);
struct value json_import(struct render *render, const json_t *json);

static inline struct slice text_part(struct slice text, size_t from, size_t to)
{
    return (struct slice){text.data + from, to - from};
}

/* ---- code points (template_unicode.c) ---- */

/* All text in here is valid UTF-8. This is the code point at *at, which moves behind it. */
uint32_t unicode_next(struct slice text, size_t *at);
size_t unicode_length(struct slice text);
size_t unicode_offset(struct slice text, size_t n_characters); /* in bytes, at most the length */
int unicode_encode(uint32_t code, char bytes[4]);
bool unicode_is_valid(struct slice text);
bool unicode_is_space(uint32_t code);
bool unicode_is_printable(uint32_t code);
bool unicode_is_word(uint32_t code); /* may stand in a name */

enum unicode_class {
    CLASS_ALPHA,
    CLASS_DIGIT,
    CLASS_ALNUM,
    CLASS_SPACE,
    CLASS_ASCII,
    CLASS_DECIMAL
};
bool unicode_is(uint32_t code, enum unicode_class class);
bool unicode_is_upper(uint32_t code);
bool unicode_is_lower(uint32_t code);

enum unicode_case { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_CAPITALIZE, CASE_SWAP };
void unicode_print_case(struct render *render, struct slice text, enum unicode_case form);

/* `chars` NULL: white space. */
struct slice unicode_strip(struct slice text, const struct slice *chars, bool left, bool right);
