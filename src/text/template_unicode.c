/* Characters as Python sees them: strings are counted, cut and classified by code point. */
#include "text/template_private.h"

#include <utf8proc.h>

#include "text/utf8.h"

uint32_t unicode_next(struct slice text, size_t *at)
{
    const char *data = text.data + *at;
    int length = utf8_next(data, text.n_bytes - *at);
    if (length <= 0) {
        *at += 1;
        return (uint8_t)*data;
    }
    *at += (size_t)length;
    return utf8_code(data, length);
}

size_t unicode_length(struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n_bytes; i++) n += ((uint8_t)text.data[i] & 0xc0) != 0x80;
    return n;
}

size_t unicode_offset(struct slice text, size_t n_characters)
{
    size_t at = 0;
    for (; at < text.n_bytes; at++)
        if (((uint8_t)text.data[at] & 0xc0) != 0x80 && n_characters-- == 0) break;
    return at;
}

int unicode_encode(uint32_t code, char bytes[4])
{
    return (int)utf8proc_encode_char((utf8proc_int32_t)code, (utf8proc_uint8_t *)bytes);
}

bool unicode_is_valid(struct slice text)
{
    for (size_t at = 0; at < text.n_bytes;) {
        int length = utf8_next(text.data + at, text.n_bytes - at);
        if (length <= 0) return false;
        at += (size_t)length;
    }
    return true;
}

bool unicode_is_space(uint32_t code)
{
    if (code < 0x80)
        return code == ' ' || (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x1f);
    return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
           code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

static utf8proc_category_t category(uint32_t code)
{
    return utf8proc_category((utf8proc_int32_t)code);
}

bool unicode_is_printable(uint32_t code)
{
    if (code == ' ') return true;
    switch (category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

static bool is_letter(uint32_t code)
{
    utf8proc_category_t c = category(code);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool unicode_is_word(uint32_t code)
{
    if (code < 0x80)
        return code == '_' || (code >= '0' && code <= '9') ||
               ((code | 0x20) >= 'a' && (code | 0x20) <= 'z');
    utf8proc_category_t c = category(code);
    return is_letter(code) || (c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_NO);
}

/* Superscripts and circled digits count as digits, not as decimals. */
static bool is_digit(uint32_t code)
{
    return category(code) == UTF8PROC_CATEGORY_ND || code == 0xb2 || code == 0xb3 || code == 0xb9 ||
           code == 0x2070 || (code >= 0x2074 && code <= 0x2079) ||
           (code >= 0x2080 && code <= 0x2089) || (code >= 0x2460 && code <= 0x2468);
}

bool unicode_is(uint32_t code, enum unicode_class class)
{
    utf8proc_category_t c = category(code);
    switch (class) {
    case CLASS_ALPHA:
        return is_letter(code);
    case CLASS_DIGIT:
        return is_digit(code);
    case CLASS_ALNUM:
        return is_letter(code) || (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO);
    case CLASS_SPACE:
        return unicode_is_space(code);
    case CLASS_ASCII:
        return code < 0x80;
    case CLASS_DECIMAL:
        return c == UTF8PROC_CATEGORY_ND;
    }
    return false;
}

bool unicode_is_upper(uint32_t code)
{
    return category(code) == UTF8PROC_CATEGORY_LU;
}

bool unicode_is_lower(uint32_t code)
{
    return category(code) == UTF8PROC_CATEGORY_LL;
}

/* ---- case ---- */

static void emit_upper(struct render *render, uint32_t code, bool is_title)
{
    if (code == 0xdf) /* the sharp s has no upper case of its own in Python */
        emit_text(render, is_title ? "Ss" : "SS");
    else if (is_title)
        emit_code(render, (uint32_t)utf8proc_totitle((utf8proc_int32_t)code));
    else
        emit_code(render, (uint32_t)utf8proc_toupper((utf8proc_int32_t)code));
}

static void emit_lower(struct render *render, uint32_t code)
{
    emit_code(render, (uint32_t)utf8proc_tolower((utf8proc_int32_t)code));
}

void unicode_print_case(struct render *render, struct slice text, enum unicode_case form)
{
    bool starts_word = true;
    render_charge_characters(render, text.n_bytes);
    for (size_t at = 0; at < text.n_bytes;) {
        size_t start = at;
        uint32_t code = unicode_next(text, &at);
        bool is_first = start == 0;
        bool to_upper = form == CASE_UPPER || (form == CASE_TITLE && starts_word) ||
                        (form == CASE_CAPITALIZE && is_first) ||
                        (form == CASE_SWAP && unicode_is_lower(code));
        if (to_upper)
            emit_upper(render, code, form == CASE_TITLE || form == CASE_CAPITALIZE);
        else if (form == CASE_SWAP && !unicode_is_upper(code))
            emit_code(render, code);
        else
            emit_lower(render, code);
        utf8proc_category_t c = category(code);
        starts_word =
            c != UTF8PROC_CATEGORY_LU && c != UTF8PROC_CATEGORY_LL && c != UTF8PROC_CATEGORY_LT;
    }
}

/* ---- strip ---- */

/* The start of the character that ends at `end`. */
static size_t previous_start(struct slice text, size_t end)
{
    size_t start = end - 1;
    while (start && end - start < 4 && ((uint8_t)text.data[start] & 0xc0) == 0x80) start--;
    return start;
}

static bool is_among(struct slice character, const struct slice *chars)
{
    if (!chars) {
        size_t at = 0;
        return unicode_is_space(unicode_next(character, &at));
    }
    for (size_t at = 0; at < chars->n_bytes;) {
        size_t start = at;
        unicode_next(*chars, &at);
        if (slice_equal(character, (struct slice){chars->data + start, at - start})) return true;
    }
    return false;
}

struct slice unicode_strip(struct slice text, const struct slice *chars, bool left, bool right)
{
    size_t start = 0, end = text.n_bytes;
    while (left && start < end) {
        size_t next = start;
        unicode_next(text, &next);
        if (!is_among((struct slice){text.data + start, next - start}, chars)) break;
        start = next;
    }
    while (right && end > start) {
        size_t last = previous_start(text, end);
        if (!is_among((struct slice){text.data + last, end - last}, chars)) break;
        end = last;
    }
    return (struct slice){text.data + start, end - start};
}
