/* Well-formed byte sequences of table 3-7 of the Unicode standard; runs of ASCII eight bytes at a time. */
#include "base/utf8.h"

#include <string.h>

static int64_t skip_ascii(const uint8_t *text, int64_t n, int64_t at)
{
    uint64_t word;
    while (n - at >= 8) {
        memcpy(&word, text + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        at += 8;
    }
    while (at < n && text[at] < 0x80) {
        at++;
    }
    return at;
}

/* Bytes of the character at text (not ASCII), 0 if it is not well-formed. */
static int64_t character(const uint8_t *text, int64_t n)
{
    const uint8_t lead = text[0];
    const int64_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                           : (lead & 0xF0) == 0xE0        ? 3
                           : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                          : 0;
    if (length == 0 || length > n) {
        return 0;
    }
    const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < low || text[1] > high) {
        return 0;
    }
    for (int64_t i = 2; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

int64_t as_utf8_valid(const uint8_t *text, int64_t n)
{
    int64_t at = 0;
    while ((at = skip_ascii(text, n, at)) < n) {
        const int64_t length = character(text + at, n - at);
        if (length == 0) {
            return at;
        }
        at += length;
    }
    return n;
}

int64_t as_utf8_boundary(const uint8_t *text, int64_t n, int64_t at)
{
    while (at > 0 && at < n && (text[at] & 0xC0) == 0x80) {
        at--;
    }
    return at;
}

/* Whether the rest of the text may be the beginning of a character. */
static int may_go_on(const uint8_t *text, int64_t n)
{
    static const uint8_t completions[3][3] = {{0x80, 0x80, 0x80}, {0xBF, 0xBF, 0xBF}, {0x90, 0x80, 0x80}};
    uint8_t whole[8];
    for (int k = 0; k < 3 && n < 4; k++) { /* the least, the largest, and the least after F0 */
        memcpy(whole, text, (size_t)n);
        memcpy(whole + n, completions[k], 3);
        if (text[0] >= 0xC2 && character(whole, n + 3) > n) {
            return 1;
        }
    }
    return 0;
}

int64_t as_utf8_clean(const uint8_t *text, int64_t n, int last, uint8_t *out, int64_t *size)
{
    int64_t at = 0;
    *size = 0;
    while (at < n) {
        const int64_t length = text[at] < 0x80 ? 1 : character(text + at, n - at);
        if (length == 0 && !last && may_go_on(text + at, n - at)) {
            break;
        }
        memcpy(out + *size, length > 0 ? text + at : (const uint8_t *)"\xEF\xBF\xBD",
               (size_t)(length > 0 ? length : 3));
        *size += length > 0 ? length : 3;
        at += length > 0 ? length : 1;
    }
    return at;
}
