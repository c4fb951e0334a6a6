/* Tokens of a text. Token t < 256 is the byte t. Byte-pair encoding (P. Gage, "A new algorithm for data compression",
   C Users Journal 12 (1994); for words: Sennrich, Haddow, Birch, ACL 2016) adds tokens of two earlier ones, merge m
   making token 256 + m. A separator, a text that stands between documents, is one token, the last. Every text has
   tokens, and joining the bytes of its tokens gives it back. */
#ifndef AS_DATA_TOKENIZER_H
#define AS_DATA_TOKENIZER_H

#include <stdbool.h>

#include "allsum/status.h"
#include "base/shape.h"

enum { AS_BYTES = 256, AS_VOCABULARY_MAX = 65536 };

typedef struct as_tokenizer as_tokenizer;

/* Not collective. From merges (n, 2), as a checkpoint holds them. separator: NULL or empty for none. Errors: DATA for a
   merge of tokens that are not there yet, more than AS_VOCABULARY_MAX tokens, or bytes without bound; NOMEM. */
as_status as_tokenizer_create(int64_t n, const int32_t *merge, const char *separator, as_tokenizer **out);
/* Not collective. Learns merges from a text until there are `vocabulary` tokens or no pair stands twice: each time the
   most frequent pair within words, of equals the one with the smaller token numbers. A function of the text alone.
   Errors: NOMEM. */
as_status as_tokenizer_train(const uint8_t *text, int64_t n, int64_t vocabulary, const char *separator,
                             as_tokenizer **out);
as_status as_tokenizer_copy(const as_tokenizer *from, as_tokenizer **out);
/* Not collective. Whether two tokenizers give the same tokens to every text, learnt from the same pairs. */
bool as_tokenizer_same(const as_tokenizer *a, const as_tokenizer *b);
void as_tokenizer_destroy(as_tokenizer **tokenizer);

int64_t as_tokenizer_vocabulary(const as_tokenizer *tokenizer);
/* The merges (n, 2), and the separator ("" for none); borrowed. */
int64_t as_tokenizer_merges(const as_tokenizer *tokenizer, const int32_t **merge);
const char *as_tokenizer_separator(const as_tokenizer *tokenizer);

/* Not collective. Type of a token in memory: AS_U8 or AS_U16. */
as_dtype as_tokenizer_type(const as_tokenizer *tokenizer);

/* Not collective. The tokens of a text, of as_tokenizer_type; free them. Errors: NOMEM. */
as_status as_tokenizer_encode(const as_tokenizer *tokenizer, const uint8_t *text, int64_t n, void **tokens,
                              int64_t *count);

/* Not collective. The bytes of a token, 0 <= token < vocabulary; borrowed. They need not be whole characters. */
const uint8_t *as_tokenizer_bytes(const as_tokenizer *tokenizer, int64_t token, int64_t *n);

#endif
