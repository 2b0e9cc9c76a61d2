#include "text/json_scan.h"

enum {
    VALUE, /* a value must come */
    VALUE_OR_END,
    KEY,
    KEY_OR_END,
    COLON,
    COMMA_OR_END,
    STRING,
    ESCAPE,
    HEX,
    WORD,
    MINUS,
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS,
    DONE
};

static enum json_scan_result begin_value(struct json_scan *scan, char byte);
static enum json_scan_result open_container(struct json_scan *scan, bool is_object);
static enum json_scan_result end_container(struct json_scan *scan, char byte);
static enum json_scan_result end_value(struct json_scan *scan);
static enum json_scan_result begin_string(struct json_scan *scan, uint8_t after);
static enum json_scan_result in_string(struct json_scan *scan, char byte);
static enum json_scan_result in_word(struct json_scan *scan, char byte);
static enum json_scan_result in_number(struct json_scan *scan, char byte);
static uint8_t number_next(uint8_t state, char byte);
static enum json_scan_result go_on(struct json_scan *scan, uint8_t state);
static bool in_object(const struct json_scan *scan);

enum json_scan_result json_scan_push(struct json_scan *scan, char byte)
{
    if (scan->state == STRING || scan->state == ESCAPE || scan->state == HEX)
        return in_string(scan, byte);
    if (scan->state == WORD) return in_word(scan, byte);
    if (scan->state >= MINUS && scan->state <= EXPONENT_DIGITS) return in_number(scan, byte);
    if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') return JSON_SCAN_MORE;
    switch (scan->state) {
    case VALUE_OR_END:
        if (byte == ']') return end_container(scan, byte);
        return begin_value(scan, byte);
    case VALUE:
        return begin_value(scan, byte);
    case KEY_OR_END:
        if (byte == '}') return end_container(scan, byte);
        return byte == '"' ? begin_string(scan, COLON) : JSON_SCAN_BAD;
    case KEY:
        return byte == '"' ? begin_string(scan, COLON) : JSON_SCAN_BAD;
    case COLON:
        return byte == ':' ? go_on(scan, VALUE) : JSON_SCAN_BAD;
    case COMMA_OR_END:
        if (byte == ',') return go_on(scan, in_object(scan) ? KEY : VALUE);
        return end_container(scan, byte);
    default:
        return JSON_SCAN_BAD;
    }
}

bool json_scan_in_string(const struct json_scan *scan)
{
    return scan->state == STRING;
}

static enum json_scan_result begin_value(struct json_scan *scan, char byte)
{
    switch (byte) {
    case '{':
        return open_container(scan, true);
    case '[':
        return open_container(scan, false);
    case '"':
        return begin_string(scan, COMMA_OR_END);
    case 't':
        scan->word = "rue";
        return go_on(scan, WORD);
    case 'f':
        scan->word = "alse";
        return go_on(scan, WORD);
    case 'n':
        scan->word = "ull";
        return go_on(scan, WORD);
    default:
        scan->state = MINUS;
        if (byte == '-') return JSON_SCAN_MORE;
        scan->state = number_next(MINUS, byte);
        return scan->state == DONE ? JSON_SCAN_BAD : JSON_SCAN_MORE;
    }
}

static enum json_scan_result open_container(struct json_scan *scan, bool is_object)
{
    if (scan->depth == JSON_SCAN_DEPTH) return JSON_SCAN_BAD;
    uint64_t bit = UINT64_C(1) << scan->depth % 64, *word = &scan->objects[scan->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    scan->depth++;
    return go_on(scan, is_object ? KEY_OR_END : VALUE_OR_END);
}

static enum json_scan_result end_container(struct json_scan *scan, char byte)
{
    if (scan->depth == 0 || byte != (in_object(scan) ? '}' : ']')) return JSON_SCAN_BAD;
    scan->depth--;
    return end_value(scan);
}

static enum json_scan_result end_value(struct json_scan *scan)
{
    scan->state = scan->depth ? COMMA_OR_END : DONE;
    return scan->depth ? JSON_SCAN_MORE : JSON_SCAN_LAST;
}

static enum json_scan_result begin_string(struct json_scan *scan, uint8_t after)
{
    scan->after_string = after;
    return go_on(scan, STRING);
}

static enum json_scan_result in_string(struct json_scan *scan, char byte)
{
    if (scan->state == ESCAPE) {
        scan->n_left = 4;
        if (byte == 'u') return go_on(scan, HEX);
        for (const char *known = "\"\\/bfnrt"; *known; known++)
            if (byte == *known) return go_on(scan, STRING);
        return JSON_SCAN_BAD;
    }
    if (scan->state == HEX) {
        bool is_hex = (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'f');
        if (!is_hex) return JSON_SCAN_BAD;
        return go_on(scan, --scan->n_left ? HEX : STRING);
    }
    if (byte == '\\') return go_on(scan, ESCAPE);
    if (byte != '"') return JSON_SCAN_MORE;
    return scan->after_string == COLON ? go_on(scan, COLON) : end_value(scan);
}

static enum json_scan_result in_word(struct json_scan *scan, char byte)
{
    if (byte != *scan->word++) return JSON_SCAN_BAD;
    return *scan->word ? JSON_SCAN_MORE : end_value(scan);
}

static enum json_scan_result in_number(struct json_scan *scan, char byte)
{
    uint8_t next = number_next(scan->state, byte);
    if (next != DONE) return go_on(scan, next);
    bool whole = scan->state == ZERO || scan->state == DIGITS || scan->state == FRACTION ||
                 scan->state == EXPONENT_DIGITS;
    if (!whole) return JSON_SCAN_BAD;
    if (end_value(scan) == JSON_SCAN_LAST) return JSON_SCAN_PAST;
    return json_scan_push(scan, byte);
}

/* DONE if the byte is none of the number's. */
static uint8_t number_next(uint8_t state, char byte)
{
    bool digit = byte >= '0' && byte <= '9', exponent = byte == 'e' || byte == 'E';
    switch (state) {
    case MINUS:
        return byte == '0' ? ZERO : digit ? DIGITS : DONE;
    case ZERO:
    case DIGITS:
        if (digit && state == DIGITS) return DIGITS;
        return byte == '.' ? POINT : exponent ? EXPONENT : DONE;
    case POINT:
        return digit ? FRACTION : DONE;
    case FRACTION:
        return digit ? FRACTION : exponent ? EXPONENT : DONE;
    case EXPONENT:
        return digit ? EXPONENT_DIGITS : byte == '+' || byte == '-' ? EXPONENT_SIGN : DONE;
    default: /* EXPONENT_SIGN, EXPONENT_DIGITS */
        return digit ? EXPONENT_DIGITS : DONE;
    }
}

static enum json_scan_result go_on(struct json_scan *scan, uint8_t state)
{
    scan->state = state;
    return JSON_SCAN_MORE;
}

static bool in_object(const struct json_scan *scan)
{
    int top = scan->depth - 1;
    return top >= 0 && scan->objects[top / 64] >> top % 64 & 1;
}
