#include "cli/model_word.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/name.h"
#include "plan/catalogue.h"

enum { NAME_BYTES = 200 };

static bool looks_like_model(const char *word);
static bool has_suffix(const char *word);
static bool is_path(const char *word);
static bool is_tag(const char *word);
static bool in_catalogue(const char *word);

void model_word_take(const char **model, struct words *words)
{
    if (*model || words->n_items == 0 || !looks_like_model(words->items[0])) return;
    *model = words->items[0];
    words->items++;
    words->n_items--;
}

heft_status model_word_check(const char *path, heft_error *error)
{
    struct stat entry;
    if (stat(path, &entry) == 0) {
        if (!S_ISDIR(entry.st_mode)) return HEFT_OK;
        return error_set(error, HEFT_BAD_FILE,
                         "%s: this is a folder, where a model file was expected: name the GGUF "
                         "file that lies in it",
                         path);
    }
    bool is_remote = hub_name_is_remote(path);
    if (!is_remote && (has_suffix(path) || (!is_tag(path) && !in_catalogue(path)))) return HEFT_OK;
    return error_set(error, HEFT_BAD_FILE,
                     "%s: there is no such file; it looks like the name of %s, of which "
                     "`heft plan %s` says what fits, but a file of it has to be downloaded before "
                     "it can be opened",
                     path, is_remote ? "a repository" : "a model", path);
}

/* Several words in one are a prompt, unless a file has that name. */
static bool looks_like_model(const char *word)
{
    if (!word[0] || strcmp(word, "-") == 0) return false;
    if (strpbrk(word, " \t\r\n")) return (has_suffix(word) || is_path(word)) && file_exists(word);
    return file_exists(word) || has_suffix(word) || is_path(word) || hub_name_is_remote(word) ||
           is_tag(word) || in_catalogue(word);
}

static bool has_suffix(const char *word)
{
    static const char *const suffixes[] = {".gguf", ".safetensors", ".ggml"};
    size_t n_word = strlen(word);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t n = strlen(suffixes[i]);
        if (n_word > n && strcasecmp(word + n_word - n, suffixes[i]) == 0) return true;
    }
    return false;
}

static bool is_path(const char *word)
{
    static const char *const beginnings[] = {"/", "./", "../", "~/"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(word, beginnings[i], strlen(beginnings[i])) == 0) return true;
    size_t n = strlen(word);
    const char *slash = strchr(word, '/');
    return slash && (slash == word + n - 1 || strchr(slash + 1, '/'));
}

/* "qwen3:8b", "mistral:latest": a tag has a digit, or it is the one that others take by default. */
static bool is_tag(const char *word)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n_name = strspn(word, letters);
    if (n_name < 2 || word[n_name] != ':') return false;
    const char *tag = word + n_name + 1;
    if (!tag[0] || tag[strspn(tag, letters)]) return false;
    return strcasecmp(tag, "latest") == 0 || strpbrk(tag, "0123456789");
}

/* With or without a tag or quantization behind a colon. */
static bool in_catalogue(const char *word)
{
    char name[NAME_BYTES];
    struct catalogue *catalogue;
    heft_error ignored;
    size_t n = strcspn(word, ":");
    if (n == 0 || n >= sizeof name || catalogue_open(&catalogue, &ignored) != HEFT_OK) return false;
    memcpy(name, word, n);
    name[n] = 0;
    bool found = catalogue_find(catalogue, word) >= 0 || catalogue_find(catalogue, name) >= 0;
    catalogue_close(catalogue);
    return found;
}
