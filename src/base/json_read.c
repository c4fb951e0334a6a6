/* A scanner for objects: finds where values end by counting brackets outside of strings. */
#include "base/json_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static const char *skip_space(const char *s)
{
    return s + strspn(s, " \t\r\n");
}

/* Past a string that starts at the quote s; at the end of text if it is not closed. */
static const char *skip_string(const char *s)
{
    for (s++; *s != '\0' && *s != '"'; s++) {
        s += *s == '\\' && s[1] != '\0';
    }
    return *s == '"' ? s + 1 : s;
}

static const char *skip_value(const char *s)
{
    int depth = 0;
    while (*s != '\0') {
        if (*s == '"') {
            s = skip_string(s);
            continue;
        }
        if (depth == 0 && (*s == ',' || *s == '}' || *s == ']')) {
            return s;
        }
        depth += *s == '{' || *s == '[';
        depth -= *s == '}' || *s == ']';
        s++;
    }
    return s;
}

enum { DEPTH_MAX = 64 };

static const char *digits_end(const char *s)
{
    return s + strspn(s, "0123456789");
}

/* Past a number, or NULL. */
static const char *number_end(const char *s)
{
    s += *s == '-';
    const char *end = digits_end(s);
    if (end == s || (*s == '0' && end > s + 1)) {
        return NULL;
    }
    if (*end == '.') {
        s = end + 1;
        end = digits_end(s);
        if (end == s) {
            return NULL;
        }
    }
    if (*end == 'e' || *end == 'E') {
        s = end + 1;
        s += *s == '-' || *s == '+';
        end = digits_end(s);
    }
    return end == s ? NULL : end;
}

/* Past a string that starts at the quote s, or NULL. */
static const char *string_end(const char *s)
{
    for (s++; *s != '"'; s++) {
        if ((unsigned char)*s < 0x20) { /* the end of the text, too */
            return NULL;
        }
        if (*s == '\\') {
            s++;
            if (*s == 'u' && strspn(s + 1, "0123456789abcdefABCDEF") < 4) {
                return NULL;
            }
            if (*s == '\0' || strchr("\"\\/bfnrtu", *s) == NULL) {
                return NULL;
            }
        }
    }
    return s + 1;
}

static const char *value_end(const char *s, int depth);

/* Past the members of an object or the items of a list that starts at s, or NULL. */
static const char *items_end(const char *s, int depth)
{
    const bool object = *s == '{';
    const char close = object ? '}' : ']';
    s = skip_space(s + 1);
    if (*s == close) {
        return s + 1;
    }
    for (;; s++) {
        s = skip_space(s);
        if (object) {
            s = *s == '"' ? string_end(s) : NULL;
            s = s == NULL ? NULL : skip_space(s);
            if (s == NULL || *s++ != ':') {
                return NULL;
            }
        }
        s = value_end(skip_space(s), depth + 1);
        if (s == NULL) {
            return NULL;
        }
        s = skip_space(s);
        if (*s != ',') {
            return *s == close ? s + 1 : NULL;
        }
    }
}

static const char *value_end(const char *s, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    if (depth > DEPTH_MAX) {
        return NULL;
    }
    if (*s == '{' || *s == '[') {
        return items_end(s, depth);
    }
    if (*s == '"') {
        return string_end(s);
    }
    for (int i = 0; i < 3; i++) {
        if (strncmp(s, words[i], strlen(words[i])) == 0) {
            return s + strlen(words[i]);
        }
    }
    return number_end(s);
}

bool as_json_valid(const char *text)
{
    const int64_t n = (int64_t)strlen(text);
    const char *end = value_end(skip_space(text), 0);
    return end != NULL && *skip_space(end) == '\0' && as_utf8_valid((const uint8_t *)text, n) == n;
}

bool as_json_next(const char **cursor, as_json_member *out)
{
    const char *s = skip_space(*cursor);
    if (*s != '{' && *s != ',') {
        return false;
    }
    s = skip_space(s + 1);
    if (*s != '"') {
        return false;
    }
    const char *after = skip_string(s);
    out->key = s + 1;
    out->key_length = (size_t)(after - s) - 2;
    s = skip_space(after);
    if (*s != ':') {
        return false;
    }
    out->value = skip_space(s + 1);
    s = skip_value(out->value);
    out->value_length = (size_t)(s - out->value);
    *cursor = s;
    return true;
}

bool as_json_is(const as_json_member *member, const char *key)
{
    return member->key_length == strlen(key) && strncmp(member->key, key, member->key_length) == 0;
}

const char *as_json_value(const char *object, const char *key)
{
    as_json_member member;
    while (as_json_next(&object, &member)) {
        if (as_json_is(&member, key)) {
            return member.value;
        }
    }
    return NULL;
}

static bool number_of(const char *value, double *out)
{
    char *end;
    *out = strtod(value, &end);
    return end > value && (value[0] == '-' || (value[0] >= '0' && value[0] <= '9'));
}

bool as_json_number(const char *object, const char *key, double *out)
{
    const char *value = as_json_value(object, key);
    return value != NULL && number_of(value, out);
}

/* Four decimals where they say something; counts as they are. */
static void add_brief(double value, as_text *text)
{
    const double size = value < 0 ? -value : value;
    const bool count = size >= 1 && size < 1e15 && (double)(int64_t)value == value;
    as_text_add(text, count ? "%.0f" : size >= 1e6 || (size > 0 && size < 1e-3) ? "%.4g" : "%.4f", value);
}

void as_json_brief(const char *object, as_text *text)
{
    as_json_member member;
    double value;
    bool first = true;
    while (as_json_next(&object, &member)) {
        if (number_of(member.value, &value)) {
            as_text_add(text, "%s%.*s ", first ? "" : ", ", (int)member.key_length, member.key);
            add_brief(value, text);
            first = false;
        }
    }
}
