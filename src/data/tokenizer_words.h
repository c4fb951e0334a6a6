/* Inside of tokenizers: words, which merges never leave, and hash tables of them. */
#ifndef AS_DATA_TOKENIZER_WORDS_H
#define AS_DATA_TOKENIZER_WORDS_H

#include <stdint.h>

#include "allsum/status.h"

/* A word has at most this many bytes: longer runs are cut, so that no text takes quadratic time. */
enum { AS_WORD_MAX = 64 };

/* Not collective. Bytes of the word at text, n >= 1: one space at the most, then letters (and all bytes beyond ASCII),
   or digits, or other signs; or a run of white space, without a last space that a word can take. */
int64_t as_word_length(const uint8_t *text, int64_t n);

/* Words by their bytes; entries are numbered as they come. */
typedef struct as_words {
    int64_t n, capacity, slots;
    const uint8_t **text; /* (n) borrowed */
    int32_t *length;      /* (n) */
    int64_t *value;       /* (n) the caller's: starts at 0 */
    int64_t *slot;        /* (slots) entry + 1, 0: free */
} as_words;

/* Not collective. The number of a word, entered if it is new; -1 when memory runs out. Zero-initialise; free with
   as_words_free. */
int64_t as_words_find(as_words *words, const uint8_t *text, int64_t length);
void as_words_free(as_words *words);

#endif
