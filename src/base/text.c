/* Growing text, shortest decimal texts of doubles, and JSON on top. The JSON writer keeps no state: whether a comma is
   due is read off the last character written, since every JSON value ends in a quote, a digit, a letter or a closing
   bracket. Cost: amortised O(1) a byte. */
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void as_text_free(as_text *text)
{
    free(text->data);
    *text = (as_text){0};
}

void as_text_clear(as_text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->data != NULL) {
        text->data[0] = '\0';
    }
}

/* Room for `more` bytes and a NUL after the present end. */
static bool reserve(as_text *text, size_t more)
{
    if (text->failed) {
        return false;
    }
    if (more < text->capacity - text->size && text->capacity > text->size) {
        return true;
    }
    size_t capacity = text->capacity == 0 ? 256 : text->capacity;
    while (capacity - text->size <= more) {
        if (capacity > SIZE_MAX / 2) {
            text->failed = true;
            return false;
        }
        capacity *= 2;
    }
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

static void add_bytes(as_text *text, const char *bytes, size_t n)
{
    if (reserve(text, n)) {
        memcpy(text->data + text->size, bytes, n);
        text->size += n;
        text->data[text->size] = '\0';
    }
}

void as_text_add(as_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        text->failed = true;
    } else if (reserve(text, (size_t)n)) {
        vsnprintf(text->data + text->size, (size_t)n + 1, format, again);
        text->size += (size_t)n;
    }
    va_end(again);
}

void as_text_add_name(as_text *text, int width, const char *name)
{
    int characters = 0;
    for (const char *at = name; *at != '\0'; at++) {
        characters += (*at & 0xC0) != 0x80;
    }
    as_text_add(text, characters > width ? "%s\n%*s" : "%s%*s", name, characters > width ? width : width - characters,
                "");
}

void as_text_tame(char *text, bool lines)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        const bool second = c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F; /* U+0080 to U+009F in UTF-8 */
        if (second) {
            *c++ = '?';
        }
        if (second || *c == 0x7F || (*c < 0x20 && *c != '\t' && !(lines && *c == '\n'))) {
            *c = '?';
        }
    }
}

/* The host program may have set a locale with another decimal point, of one byte or more. */
static void use_point(char *number)
{
    char *to = number;
    for (const char *c = number; *c != '\0'; c++) {
        if (strchr("0123456789+-e", *c) != NULL) {
            *to++ = *c;
        } else if (to == number || to[-1] != '.') {
            *to++ = '.';
        }
    }
    *to = '\0';
}

char *as_real_text(double value, char buffer[32])
{
    if (isnan(value) || isinf(value)) {
        snprintf(buffer, 32, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return buffer;
    }
    /* Any decimal of up to 15 digits survives the way through a normal double, so that %.15g finds every shorter text
       too (it drops trailing zeros); subnormals have fewer digits. */
    const int first = fabs(value) < DBL_MIN ? 1 : 15;
    for (int digits = first; digits <= 17; digits++) {
        snprintf(buffer, 32, "%.*g", digits, value);
        const double back = strtod(buffer, NULL); /* same locale as snprintf */
        if (memcmp(&back, &value, sizeof back) == 0) {
            break;
        }
    }
    use_point(buffer);
    return buffer;
}

/* Length of the valid UTF-8 sequence at s (1..4), or 0 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
 */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80) {
        return 1;
    }
    const size_t n = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                     : (s[0] & 0xF0) == 0xE0        ? 3
                     : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                    : 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) { /* also stops at NUL */
            return 0;
        }
    }
    const bool wrong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
                       (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F);
    return wrong ? 0 : n;
}

static void add_string(as_text *text, const char *value)
{
    add_bytes(text, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)value; *s != '\0';) {
        const size_t n = utf8_length(s);
        if (n == 0) {
            as_text_add(text, "\\ufffd"); /* a byte that is no UTF-8, as in odd file names */
            s++;
            continue;
        }
        if (*s == '"' || *s == '\\') {
            as_text_add(text, "\\%c", *s);
        } else if (*s == '\n') {
            add_bytes(text, "\\n", 2);
        } else if (*s == '\t') {
            add_bytes(text, "\\t", 2);
        } else if (*s < 0x20 || *s == 0x7F) {
            as_text_add(text, "\\u%04x", *s);
        } else {
            add_bytes(text, (const char *)s, n);
        }
        s += n;
    }
    add_bytes(text, "\"", 1);
}

/* A comma where one is due, and the key. */
static void begin_value(as_text *text, const char *key)
{
    if (text->size > 0) {
        const char last = text->data[text->size - 1];
        if (last != '{' && last != '[' && last != ',' && last != ':' && last != '\n' && last != ' ') {
            add_bytes(text, ", ", 2);
        }
    }
    if (key != NULL) {
        add_string(text, key);
        add_bytes(text, ": ", 2);
    }
}

void as_json_open(as_text *text, const char *key, char bracket)
{
    begin_value(text, key);
    add_bytes(text, &bracket, 1);
}

void as_json_close(as_text *text, char bracket)
{
    add_bytes(text, &bracket, 1);
}

void as_json_text(as_text *text, const char *key, const char *value)
{
    begin_value(text, key);
    if (value == NULL) {
        add_bytes(text, "null", 4);
    } else {
        add_string(text, value);
    }
}

void as_json_int(as_text *text, const char *key, int64_t value)
{
    begin_value(text, key);
    as_text_add(text, "%lld", (long long)value);
}

void as_json_real(as_text *text, const char *key, double value)
{
    char buffer[32];
    begin_value(text, key);
    as_text_add(text, "%s", isfinite(value) ? as_real_text(value, buffer) : "null");
}

void as_json_reals(as_text *text, const char *key, int64_t n, const double *value)
{
    as_json_open(text, key, '[');
    for (int64_t i = 0; i < n; i++) {
        as_json_real(text, NULL, value[i]);
    }
    as_json_close(text, ']');
}

void as_json_bool(as_text *text, const char *key, bool value)
{
    begin_value(text, key);
    as_text_add(text, "%s", value ? "true" : "false");
}

void as_json_raw(as_text *text, const char *key, const char *json)
{
    begin_value(text, key);
    add_bytes(text, json, strlen(json));
}
