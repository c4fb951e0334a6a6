/* The one pass over a line that everything else stands on: a field ends at the delimiter, the end of the line, or the
   quote that closes it. */
#include "io/csv_fields.h"

#include <math.h>
#include <string.h>

#include "base/fields.h"

enum { NUMBER_MAX = 128, EXACT_DIGITS = 15, DIGITS = 19, LINES_TRIED = 64 };

bool as_csv_next_field(const as_csv_lines *lines, as_csv_cursor *c, as_csv_field *out)
{
    const char *text = lines->text;
    int64_t at = c->at, ends = 0;
    *out = (as_csv_field){.text = text + at};
    if (at < lines->bytes && text[at] == '"') {
        out->quoted = true;
        out->text++;
        for (at++; at < lines->bytes; at++) {
            ends += text[at] == '\n';
            if (text[at] == '"') {
                if (at + 1 >= lines->bytes || text[at + 1] != '"') {
                    break;
                }
                at++;
            }
        }
        if (at >= lines->bytes) {
            return false;
        }
        out->bytes = text + at - out->text;
        at++;
        at += at + 1 < lines->bytes && text[at] == '\r' && text[at + 1] == '\n';
    } else {
        while (at < lines->bytes && text[at] != lines->delimiter && text[at] != '\n') {
            at++;
        }
        out->bytes = text + at - out->text;
        if (at < lines->bytes && text[at] == '\n' && out->bytes > 0 && text[at - 1] == '\r') {
            out->bytes--;
        }
    }
    if (at < lines->bytes && text[at] != lines->delimiter && text[at] != '\n') {
        return false;
    }
    out->last = at >= lines->bytes || text[at] == '\n';
    c->line += ends + (at < lines->bytes && text[at] == '\n');
    c->at = at < lines->bytes ? at + 1 : at;
    return true;
}

bool as_csv_next_line(const as_csv_lines *lines, as_csv_cursor *c)
{
    while (c->at < lines->bytes) {
        const char *at = lines->text + c->at;
        if (*at == '\n') {
            c->at++;
        } else if (*at == '\r' && c->at + 1 < lines->bytes && at[1] == '\n') {
            c->at += 2;
        } else {
            return true;
        }
        c->line++;
    }
    return false;
}

/* Fields of the header, where the next lines have as many; else 0. */
static int regular_fields(const as_csv_lines *lines, as_csv_cursor c)
{
    int header = 0;
    for (int line = 0; line < LINES_TRIED && as_csv_next_line(lines, &c); line++) {
        int fields = 0;
        for (as_csv_field f = {.last = false}; !f.last; fields++) {
            if (!as_csv_next_field(lines, &c, &f)) {
                return 0;
            }
        }
        if (line > 0 && fields != header) {
            return 0;
        }
        header = fields;
    }
    return header;
}

/* Whether the header has a character outside of quotes. */
static bool header_has(const as_csv_lines *lines, int64_t at, char wanted)
{
    bool quoted = false;
    for (; at < lines->bytes && (quoted || lines->text[at] != '\n'); at++) {
        quoted = quoted != (lines->text[at] == '"');
        if (!quoted && lines->text[at] == wanted) {
            return true;
        }
    }
    return false;
}

char as_csv_delimiter(as_csv_lines lines, as_csv_cursor header)
{
    static const char others[] = ";\t|";
    const bool comma = header_has(&lines, header.at, ',');
    lines.delimiter = ',';
    if (comma && regular_fields(&lines, header) > 1) {
        return ',';
    }
    for (int i = 0; others[i] != 0; i++) {
        lines.delimiter = others[i];
        if (comma ? regular_fields(&lines, header) > 1 : header_has(&lines, header.at, others[i])) {
            return others[i];
        }
    }
    return ',';
}

__extension__ typedef unsigned __int128 uint128;

/* value / 10^after, to the nearest double, by one division of 128 bits: the quotient has 64 bits or 63, and the rest
   says whether it is more than that. value > 0, after <= 19. */
static double divided(uint64_t value, int after)
{
    static const uint64_t power[] = {1u,
                                     10u,
                                     100u,
                                     1000u,
                                     10000u,
                                     100000u,
                                     1000000u,
                                     10000000u,
                                     100000000u,
                                     1000000000u,
                                     10000000000u,
                                     100000000000u,
                                     1000000000000u,
                                     10000000000000u,
                                     100000000000000u,
                                     1000000000000000u,
                                     10000000000000000u,
                                     100000000000000000u,
                                     1000000000000000000u,
                                     10000000000000000000u};
    const int up = __builtin_clzll(value), over = __builtin_clzll(power[after]);
    const uint64_t divisor = power[after] << over; /* at least 2^63 */
    const uint128 whole = (uint128)(value << up) << 63;
    const uint64_t quotient = (uint64_t)(whole / divisor), rest = (uint64_t)(whole % divisor);
    /* Of 64 or 63 bits 53 are kept: what is below rounds the last of them, the rest standing for a bit under them all.
     */
    const int drop = 64 - 53 - __builtin_clzll(quotient);
    const uint64_t kept = quotient >> drop, below = quotient & ((UINT64_C(1) << drop) - 1),
                   half = UINT64_C(1) << (drop - 1);
    const bool more = below > half || (below == half && (rest != 0 || (kept & 1) != 0));
    return ldexp((double)(kept + more), drop - 64 + 1 - up + over);
}

/* Decimal numbers of at most 19 digits that count. Those of 15 are exact in double before the one rounding of the
   quotient (W. Clinger, "How to read floating point numbers accurately", PLDI 1990). Others take the slow way. */
bool as_csv_short_number(const char *text, int64_t n, char decimal, double *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t i = 0;
    uint64_t value = 0;
    int digits = 0, after = 0;
    const bool negative = n > 0 && text[0] == '-';
    i += n > 0 && (text[0] == '-' || text[0] == '+');
    bool point = false, any = false;
    for (; i < n; i++) {
        if (text[i] == decimal && !point) {
            point = true;
        } else if (text[i] >= '0' && text[i] <= '9' && digits < DIGITS && after < DIGITS) {
            value = 10 * value + (uint64_t)(text[i] - '0');
            digits += value > 0; /* zeros in front do not count */
            after += point;
            any = true;
        } else {
            return false;
        }
    }
    if (!any) {
        return false;
    }
    *out = digits <= EXACT_DIGITS ? (double)value / power[after] : divided(value, after);
    *out = negative ? -*out : *out;
    return true;
}

bool as_csv_is_missing(const char *text, int64_t n)
{
    static const char *const missing[] = {"", "NA", "NaN", "nan", "null", "NULL", "<NA>", "#N/A", "N/A", "n/a"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        if (n == (int64_t)strlen(missing[i]) && memcmp(text, missing[i], (size_t)n) == 0) {
            return true;
        }
    }
    return false;
}

as_csv_field as_csv_trimmed(const as_csv_field *f)
{
    as_csv_field t = *f;
    for (; t.bytes > 0 && (*t.text == ' ' || *t.text == '\t'); t.text++) {
        t.bytes--;
    }
    while (t.bytes > 0 && (t.text[t.bytes - 1] == ' ' || t.text[t.bytes - 1] == '\t')) {
        t.bytes--;
    }
    return t;
}

bool as_csv_number(const as_csv_field *f, char decimal, double *out)
{
    const as_csv_field t = as_csv_trimmed(f);
    if (as_csv_short_number(t.text, t.bytes, decimal, out)) {
        return true;
    }
    if ((t.bytes == 0 || strchr("0123456789+-.,", t.text[0]) == NULL) && as_csv_is_missing(t.text, t.bytes)) {
        *out = (double)NAN;
        return true;
    }
    char copy[NUMBER_MAX];
    if (t.bytes >= NUMBER_MAX || memchr(t.text, 0, (size_t)t.bytes) != NULL) {
        return false;
    }
    memcpy(copy, t.text, (size_t)t.bytes);
    copy[t.bytes] = 0;
    if (decimal != '.') {
        char *comma = strchr(copy, decimal);
        if (strchr(copy, '.') != NULL) {
            return false; /* between thousands */
        }
        if (comma != NULL) {
            *comma = '.';
        }
    }
    return as_text_to_real(copy, out);
}

bool as_csv_text(const as_csv_field *f, char out[AS_CSV_TEXT_MAX + 1], int64_t *bytes)
{
    const as_csv_field t = as_csv_trimmed(f);
    int64_t n = 0;
    for (int64_t i = 0; i < t.bytes; i++) {
        if (n == AS_CSV_TEXT_MAX) {
            return false;
        }
        out[n++] = t.text[i];
        i += t.quoted && t.text[i] == '"';
    }
    out[n] = '\0';
    *bytes = n;
    return true;
}
