/* Numbers as people write them, the same in every locale. Reals: short decimals are exact products or quotients of
   two doubles (Clinger, "How to read floating point numbers accurately", PLDI 1990, section 3), the rest goes to strtod
   with the locale's own decimal point. Integers: exact, with an exponent or a binary unit. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fields.h"

enum { NUMBER_MAX = 512 };

/* A decimal text taken apart: value = mantissa * 10^exponent unless `exact` is false (too many digits). */
typedef struct decimal {
    bool negative, exact;
    uint64_t mantissa;
    int64_t exponent;
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with at most one point; returns the end, or NULL when there is no digit. */
static const char *scan_digits(const char *s, decimal *d)
{
    bool point = false, any = false;
    for (; is_digit(*s) || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        any = true;
        if (d->mantissa > (UINT64_MAX - 9) / 10) {
            d->exact = false;
            d->exponent += !point;
            continue;
        }
        d->mantissa = 10 * d->mantissa + (uint64_t)(*s - '0');
        d->exponent -= point;
    }
    return any ? s : NULL;
}

/* [+-]digits[.digits][e[+-]digits]; returns the end of it, or NULL when the text does not begin so. */
static const char *scan_decimal(const char *s, decimal *d)
{
    *d = (decimal){.exact = true};
    if (*s == '+' || *s == '-') {
        d->negative = *s++ == '-';
    }
    s = scan_digits(s, d);
    if (s == NULL || (*s != 'e' && *s != 'E')) {
        return s;
    }
    const char *e = s + 1;
    const bool negative = *e == '-';
    e += *e == '+' || *e == '-';
    if (!is_digit(*e)) {
        return NULL;
    }
    int64_t exponent = 0;
    for (; is_digit(*e); e++) {
        exponent = exponent < 100000 ? 10 * exponent + (*e - '0') : exponent;
    }
    d->exponent += negative ? -exponent : exponent;
    return e;
}

static bool special(const char *text, double *out)
{
    const bool negative = text[0] == '-';
    text += text[0] == '-' || text[0] == '+';
    text += text[0] == '.';
    if (strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0) {
        *out = negative ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    if (strcasecmp(text, "nan") == 0) {
        *out = (double)NAN;
        return true;
    }
    return false;
}

static bool by_strtod(const char *text, double *out)
{
    const char *point = localeconv()->decimal_point;
    char copy[NUMBER_MAX];
    size_t n = 0;
    for (const char *s = text; *s != '\0'; s++) {
        const size_t more = *s == '.' ? strlen(point) : 1;
        if (n + more >= sizeof copy) {
            return false;
        }
        memcpy(copy + n, *s == '.' ? point : s, more);
        n += more;
    }
    copy[n] = '\0';
    char *end;
    *out = strtod(copy, &end);
    return *end == '\0' && isfinite(*out);
}

bool as_text_to_real(const char *text, double *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    decimal d;
    const char *end = scan_decimal(text, &d);
    if (end == NULL || *end != '\0') {
        return special(text, out);
    }
    if (d.exact && d.mantissa <= (UINT64_C(1) << 53) && d.exponent >= -22 && d.exponent <= 22) {
        const double m = (double)d.mantissa;
        const double value = d.exponent < 0 ? m / power[-d.exponent] : m * power[d.exponent];
        *out = d.negative ? -value : value;
        return true;
    }
    return by_strtod(text, out);
}

bool as_text_to_int(const char *text, int64_t *out)
{
    decimal d;
    const char *end = scan_decimal(text, &d);
    if (end == NULL || !d.exact) {
        return false;
    }
    const char *units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    int shift = -1;
    for (int i = 0; i < 5; i++) {
        shift = strcmp(end, units[i]) == 0 ? 10 * i : shift;
    }
    if (shift < 0) {
        return false;
    }
    uint64_t value = d.mantissa;
    for (int64_t e = d.exponent; value != 0 && e < 0; e++) {
        if (value % 10 != 0) { /* 1.5 is no integer */
            return false;
        }
        value /= 10;
    }
    for (int64_t e = 0; value != 0 && e < d.exponent; e++) {
        if (value > UINT64_MAX / 10) {
            return false;
        }
        value *= 10;
    }
    if (value > (uint64_t)INT64_MAX >> shift) {
        return false;
    }
    const int64_t magnitude = (int64_t)(value << shift);
    *out = d.negative ? -magnitude : magnitude;
    return true;
}
