/* Dictionaries: entries in the order of insertion, and an open-addressed index once they are many.
 */
#include "text/template_private.h"

#include <math.h>

enum { N_WITHOUT_INDEX = 8 };

static uint64_t hash_value(struct render *render, struct value value);

static uint64_t hash_number(const struct hash_key *key, double number)
{
    bool is_integer = number >= -0x1p63 && number < 0x1p63 && number == floor(number);
    if (is_integer) return hash_word(key, (uint64_t)(int64_t)number);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return hash_word(key, bits);
}

static uint64_t hash_tuple(struct render *render, const struct list *list)
{
    struct hash_state hash = hash_begin(&render->key);
    render_enter(render);
    for (size_t i = 0; i < list->n; i++) {
        render_charge(render, 1);
        hash_add(&hash, hash_value(render, list->items[i]));
    }
    render_leave(render);
    hash_add(&hash, list->n);
    return hash_end(&hash);
}

/* Numbers that are equal have the same hash, whatever their type. */
static uint64_t hash_value(struct render *render, struct value value)
{
    switch (value.kind) {
    case VALUE_UNDEFINED:
    case VALUE_NONE:
        return value.kind;
    case VALUE_BOOL:
    case VALUE_INT:
        return hash_word(&render->key, (uint64_t)value_integer(value));
    case VALUE_FLOAT:
        return hash_number(&render->key, value.number);
    case VALUE_STRING:
        render_charge_bytes(render, value.text.n_bytes);
        return hash_bytes(&render->key, value.text.data, value.text.n_bytes);
    case VALUE_TUPLE:
        return hash_tuple(render, value.list);
    default:
        render_fail(render, "a value of type '%s' cannot be a key", value_type(value));
    }
}

struct dict *dict_create(struct render *render, size_t capacity)
{
    struct dict *dict = render_alloc(render, 1, sizeof *dict);
    *dict = (struct dict){.capacity = capacity};
    if (capacity) dict->entries = render_alloc(render, capacity, sizeof *dict->entries);
    return dict;
}

static bool entry_is(struct render *render, const struct dict_entry *entry, uint64_t hash,
                     struct value key)
{
    render_charge(render, 1);
    return entry->hash == hash && value_equal(render, entry->key, key);
}

static struct dict_entry *find(struct render *render, const struct dict *dict, struct value key,
                               uint64_t hash)
{
    if (!dict->index) {
        for (size_t i = 0; i < dict->n; i++)
            if (entry_is(render, &dict->entries[i], hash, key)) return &dict->entries[i];
        return NULL;
    }
    for (size_t slot = hash & (dict->n_index - 1); dict->index[slot];
         slot = (slot + 1) & (dict->n_index - 1)) {
        struct dict_entry *entry = &dict->entries[dict->index[slot] - 1];
        if (entry_is(render, entry, hash, key)) return entry;
    }
    return NULL;
}

struct value *dict_find(struct render *render, const struct dict *dict, struct value key)
{
    struct dict_entry *entry = find(render, dict, key, hash_value(render, key));
    return entry ? &entry->value : NULL;
}

struct value *dict_find_text(struct render *render, const struct dict *dict, struct slice key)
{
    return dict_find(render, dict, value_text(key));
}

static void index_entry(struct dict *dict, size_t entry)
{
    size_t slot = dict->entries[entry].hash & (dict->n_index - 1);
    while (dict->index[slot]) slot = (slot + 1) & (dict->n_index - 1);
    dict->index[slot] = (uint32_t)entry + 1;
}

/* Keeps the index at most half full. */
static void grow(struct render *render, struct dict *dict)
{
    if (dict->n == dict->capacity) {
        size_t capacity = dict->capacity ? 2 * dict->capacity : 4;
        struct dict_entry *entries = render_alloc(render, capacity, sizeof *entries);
        if (dict->n) memcpy(entries, dict->entries, dict->n * sizeof *entries);
        dict->entries = entries;
        dict->capacity = capacity;
    }
    if (dict->n < N_WITHOUT_INDEX || 2 * (dict->n + 1) <= dict->n_index) return;
    dict->n_index = dict->n_index ? 2 * dict->n_index : 4 * N_WITHOUT_INDEX;
    dict->index = render_alloc(render, dict->n_index, sizeof *dict->index);
    memset(dict->index, 0, dict->n_index * sizeof *dict->index);
    for (size_t i = 0; i < dict->n; i++) index_entry(dict, i);
}

void dict_set(struct render *render, struct dict *dict, struct value key, struct value value)
{
    uint64_t hash = hash_value(render, key);
    struct dict_entry *known = find(render, dict, key, hash);
    if (known) {
        known->value = value;
        return;
    }
    grow(render, dict);
    dict->entries[dict->n] = (struct dict_entry){.key = key, .value = value, .hash = hash};
    if (dict->index) index_entry(dict, dict->n);
    dict->n++;
}
