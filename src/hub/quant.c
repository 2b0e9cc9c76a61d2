#include "hub/quant.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Four bits come first, larger before smaller as long as they fit, the unquantised last. */
const char *const quant_preferred[] = {
    "Q4_K_M", "UD-Q4_K_XL", "Q4_K_L", "Q4_K_S", "Q4_K",   "MXFP4",   "MXFP4_MOE", "NVFP4", "IQ4_XS",
    "IQ4_NL", "Q4_0",       "Q4_1",   "Q5_K_M", "Q5_K_S", "Q5_0",    "Q6_K",      "Q8_0",  "Q3_K_M",
    "IQ3_M",  "IQ3_XXS",    "Q3_K_S", "Q2_K",   "IQ2_M",  "IQ2_XXS", "IQ1_M",     "IQ1_S", "TQ2_0",
    "TQ1_0",  "BF16",       "F16",    "FP16",   "F32",    NULL,
};

static const char *const whole_words[] = {"F16",  "FP16",  "BF16",  "F32",
                                          "FP32", "MXFP4", "NVFP4", "MXFP4_MOE"};

static bool is_separator(char c)
{
    return c == '-' || c == '.' || c == '/' || c == ' ';
}

/* "Q4_K_M", "IQ2_XXS", "TQ1_0", "Q8_0". */
static bool is_quant(const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof whole_words / sizeof *whole_words; i++)
        if (strlen(whole_words[i]) == n && strncasecmp(word, whole_words[i], n) == 0) return true;
    size_t at =
        n > 0 && (word[0] == 'I' || word[0] == 'i' || word[0] == 'T' || word[0] == 't') ? 1 : 0;
    if (n < at + 4 || n >= QUANT_LABEL_BYTES - 3 || toupper((unsigned char)word[at]) != 'Q' ||
        !isdigit((unsigned char)word[at + 1]) || word[at + 2] != '_')
        return false;
    for (size_t i = at + 3; i < n; i++)
        if (!isalnum((unsigned char)word[i]) && word[i] != '_') return false;
    return true;
}

static bool ud_before(const char *path, const char *word)
{
    return word - path >= 3 && strncasecmp(word - 3, "UD-", 3) == 0 &&
           (word - path == 3 || is_separator(word[-4]));
}

bool quant_label(const char *path, char out[QUANT_LABEL_BYTES])
{
    out[0] = 0;
    const char *end = path + strlen(path);
    while (end > path) {
        const char *word = end;
        while (word > path && !is_separator(word[-1])) word--;
        size_t n = (size_t)(end - word);
        if (is_quant(word, n)) {
            snprintf(out, QUANT_LABEL_BYTES, "%s%.*s", ud_before(path, word) ? "UD-" : "", (int)n,
                     word);
            for (char *c = out; *c; c++) *c = (char)toupper((unsigned char)*c);
            return true;
        }
        end = word > path ? word - 1 : path;
    }
    return false;
}

static bool stands_in(const char *path, const char *tag)
{
    size_t n = strlen(tag);
    for (const char *at = path; (at = strcasestr(at, tag)); at++) {
        bool begins = at == path || is_separator(at[-1]);
        if (begins && (at[n] == 0 || is_separator(at[n]))) return true;
    }
    return false;
}

int quant_match(const char *path, const char *tag)
{
    char label[QUANT_LABEL_BYTES];
    if (quant_label(path, label)) {
        if (strcasecmp(label, tag) == 0) return 0;
        if (strncmp(label, "UD-", 3) == 0 && strcasecmp(label + 3, tag) == 0) return 1;
    }
    return tag[0] && stands_in(path, tag) ? 2 : -1;
}
