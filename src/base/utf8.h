/* Whether bytes are UTF-8 (RFC 3629). */
#ifndef AS_BASE_UTF8_H
#define AS_BASE_UTF8_H

#include <stdint.h>

/* Not collective. Offset of the first byte that begins no well-formed character (wrong or missing continuation,
   overlong form, surrogate, beyond U+10FFFF); n if there is none. */
int64_t as_utf8_valid(const uint8_t *text, int64_t n);

/* Not collective. The nearest offset at or before `at` at which a character of valid text begins; n stays n. */
int64_t as_utf8_boundary(const uint8_t *text, int64_t n, int64_t at);

/* Not collective. For showing bytes that may be no UTF-8, as they come: copies characters, and puts U+FFFD for each
   byte that begins none. Unless `last`, a character that may be completed by what comes next is left. out: room for 3 n
   bytes. Returns how many bytes of text were used; *size: bytes put. */
int64_t as_utf8_clean(const uint8_t *text, int64_t n, int last, uint8_t *out, int64_t *size);

#endif
