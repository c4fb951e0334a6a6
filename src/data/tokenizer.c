/* Tables of a tokenizer, and encoding: word by word, each different word once. Inside a word the earliest merge that is
   possible is made at its first place, until none is. Cost: one hash of each word, and of the words that are new the
   square of their length (AS_WORD_MAX at the most). */
#include "data/tokenizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/tokenizer_words.h"

enum { TOKEN_BYTES_MAX = 1 << 26 };

struct as_tokenizer {
    int64_t merges, vocabulary, separator_bytes;
    int32_t *merge;  /* (merges, 2) */
    char *separator; /* never NULL */
    int64_t *first;  /* (vocabulary + 1) where the bytes of each token begin */
    uint8_t *bytes;
    int64_t slots;
    int32_t *slot; /* (slots) merge + 1 by its pair, 0: free */
};

static int64_t pair_place(const as_tokenizer *t, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * UINT64_C(0x9E3779B97F4A7C15);
    const int64_t mask = t->slots - 1;
    for (int64_t at = (int64_t)((h >> 32) & (uint64_t)mask);; at = (at + 1) & mask) {
        const int32_t m = t->slot[at] - 1;
        if (m < 0 || (t->merge[2 * m] == left && t->merge[2 * m + 1] == right)) {
            return at;
        }
    }
}

/* The bytes of all tokens. */
static as_status spell(as_tokenizer *t)
{
    int64_t total = 0;
    for (int64_t token = 0; token < t->vocabulary; token++) {
        int64_t length = token < AS_BYTES ? 1 : t->separator_bytes;
        if (token >= AS_BYTES && token < AS_BYTES + t->merges) {
            const int32_t *pair = t->merge + 2 * (token - AS_BYTES);
            if (pair[0] < 0 || pair[1] < 0 || pair[0] >= token || pair[1] >= token) {
                AS_FAIL(AS_DATA, "merge %lld of a vocabulary: expected tokens below %lld, found %d and %d",
                        (long long)(token - AS_BYTES), (long long)token, (int)pair[0], (int)pair[1]);
            }
            length = t->first[pair[0] + 1] - t->first[pair[0]] + t->first[pair[1] + 1] - t->first[pair[1]];
        }
        t->first[token] = total;
        total += length;
        t->first[token + 1] = total;
        if (total > TOKEN_BYTES_MAX) {
            AS_FAIL(AS_DATA, "a vocabulary of more than %d bytes", (int)TOKEN_BYTES_MAX);
        }
    }
    t->bytes = malloc((size_t)total);
    if (t->bytes == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a vocabulary of %lld bytes", (long long)total);
    }
    for (int64_t token = 0; token < t->vocabulary; token++) {
        uint8_t *to = t->bytes + t->first[token];
        if (token < AS_BYTES) {
            *to = (uint8_t)token;
        } else if (token < AS_BYTES + t->merges) {
            const int32_t *pair = t->merge + 2 * (token - AS_BYTES);
            const size_t left = (size_t)(t->first[pair[0] + 1] - t->first[pair[0]]);
            memcpy(to, t->bytes + t->first[pair[0]], left);
            memcpy(to + left, t->bytes + t->first[pair[1]], (size_t)(t->first[pair[1] + 1] - t->first[pair[1]]));
        } else {
            memcpy(to, t->separator, (size_t)t->separator_bytes);
        }
    }
    return AS_OK;
}

static as_status fill(as_tokenizer *t, const int32_t *merge, const char *separator)
{
    for (t->slots = 16; t->slots < 2 * t->merges + 2;) {
        t->slots *= 2;
    }
    t->merge = malloc((size_t)(2 * t->merges + 1) * sizeof *t->merge);
    t->separator = malloc((size_t)t->separator_bytes + 1);
    t->first = calloc((size_t)t->vocabulary + 1, sizeof *t->first);
    t->slot = calloc((size_t)t->slots, sizeof *t->slot);
    if (t->merge == NULL || t->separator == NULL || t->first == NULL || t->slot == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a vocabulary of %lld tokens", (long long)t->vocabulary);
    }
    memcpy(t->merge, merge, (size_t)(2 * t->merges) * sizeof *merge);
    memcpy(t->separator, separator, (size_t)t->separator_bytes + 1);
    AS_TRY(spell(t));
    for (int64_t m = 0; m < t->merges; m++) {
        const int64_t at = pair_place(t, t->merge[2 * m], t->merge[2 * m + 1]);
        if (t->slot[at] != 0) {
            AS_FAIL(AS_DATA, "merge %lld of a vocabulary is that of merge %d again", (long long)m,
                    (int)t->slot[at] - 1);
        }
        t->slot[at] = (int32_t)m + 1;
    }
    return AS_OK;
}

as_status as_tokenizer_create(int64_t n, const int32_t *merge, const char *separator, as_tokenizer **out)
{
    const char *apart = separator != NULL ? separator : "";
    const int64_t vocabulary = AS_BYTES + n + (apart[0] != '\0');
    static const int32_t none[2];
    *out = NULL;
    if (n < 0 || vocabulary > AS_VOCABULARY_MAX) {
        AS_FAIL(AS_DATA, "expected a vocabulary of at most %d tokens, found %lld merges", (int)AS_VOCABULARY_MAX,
                (long long)n);
    }
    as_tokenizer *t = calloc(1, sizeof *t);
    if (t == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a vocabulary");
    }
    t->merges = n;
    t->vocabulary = vocabulary;
    t->separator_bytes = (int64_t)strlen(apart);
    const as_status status = fill(t, merge != NULL ? merge : none, apart);
    if (status != AS_OK) {
        as_tokenizer_destroy(&t);
        return status;
    }
    *out = t;
    return AS_OK;
}

as_status as_tokenizer_copy(const as_tokenizer *from, as_tokenizer **out)
{
    return as_tokenizer_create(from->merges, from->merge, from->separator, out);
}

bool as_tokenizer_same(const as_tokenizer *a, const as_tokenizer *b)
{
    return a->merges == b->merges && strcmp(a->separator, b->separator) == 0 &&
           memcmp(a->merge, b->merge, (size_t)(2 * a->merges) * sizeof *a->merge) == 0;
}

void as_tokenizer_destroy(as_tokenizer **tokenizer)
{
    as_tokenizer *t = *tokenizer;
    if (t != NULL) {
        free(t->merge);
        free(t->separator);
        free(t->first);
        free(t->bytes);
        free(t->slot);
        free(t);
    }
    *tokenizer = NULL;
}

int64_t as_tokenizer_vocabulary(const as_tokenizer *tokenizer)
{
    return tokenizer->vocabulary;
}

int64_t as_tokenizer_merges(const as_tokenizer *tokenizer, const int32_t **merge)
{
    *merge = tokenizer->merge;
    return tokenizer->merges;
}

const char *as_tokenizer_separator(const as_tokenizer *tokenizer)
{
    return tokenizer->separator;
}

as_dtype as_tokenizer_type(const as_tokenizer *tokenizer)
{
    return tokenizer->vocabulary <= AS_BYTES ? AS_U8 : AS_U16;
}

const uint8_t *as_tokenizer_bytes(const as_tokenizer *tokenizer, int64_t token, int64_t *n)
{
    *n = tokenizer->first[token + 1] - tokenizer->first[token];
    return tokenizer->bytes + tokenizer->first[token];
}

/* ---- encoding ---- */

/* Tokens as they are made, with the pieces of the words seen so far. */
typedef struct encoding {
    const as_tokenizer *tokenizer;
    as_words words; /* value: 1 + where the word's tokens begin in `piece`, after their number */
    uint16_t *piece;
    int64_t pieces, piece_room;
    void *token;
    int64_t count;
} encoding;

static int encode_word(const as_tokenizer *t, const uint8_t *word, int64_t length, uint16_t token[AS_WORD_MAX])
{
    int n = (int)length;
    for (int i = 0; i < n; i++) {
        token[i] = word[i];
    }
    for (;;) {
        int32_t best = INT32_MAX;
        int place = 0;
        for (int i = 0; i + 1 < n; i++) {
            const int32_t m = t->slot[pair_place(t, token[i], token[i + 1])];
            if (m > 0 && m < best) {
                best = m;
                place = i;
            }
        }
        if (best == INT32_MAX) {
            return n;
        }
        token[place] = (uint16_t)(AS_BYTES + best - 1);
        memmove(token + place + 1, token + place + 2, (size_t)(n - place - 2) * sizeof *token);
        n--;
    }
}

static void put(encoding *e, const uint16_t *token, int64_t n)
{
    if (as_tokenizer_type(e->tokenizer) == AS_U16) {
        memcpy((uint16_t *)e->token + e->count, token, (size_t)n * sizeof *token);
    } else {
        for (int64_t i = 0; i < n; i++) {
            ((uint8_t *)e->token)[e->count + i] = (uint8_t)token[i];
        }
    }
    e->count += n;
}

/* The tokens of a word that is met for the first time, behind the others. */
static bool learn_word(encoding *e, int64_t entry, const uint8_t *word, int64_t length)
{
    if (e->pieces + AS_WORD_MAX + 1 > e->piece_room) {
        const int64_t room = e->piece_room == 0 ? 65536 : 2 * e->piece_room;
        uint16_t *piece = realloc(e->piece, (size_t)room * sizeof *piece);
        if (piece == NULL) {
            return false;
        }
        e->piece = piece;
        e->piece_room = room;
    }
    uint16_t *to = e->piece + e->pieces;
    to[0] = (uint16_t)encode_word(e->tokenizer, word, length, to + 1);
    e->words.value[entry] = e->pieces + 1;
    e->pieces += to[0] + 1;
    return true;
}

static bool encode_words(encoding *e, const uint8_t *text, int64_t n)
{
    for (int64_t at = 0; at < n;) {
        const int64_t length = as_word_length(text + at, n - at);
        const int64_t entry = as_words_find(&e->words, text + at, length);
        if (entry < 0 || (e->words.value[entry] == 0 && !learn_word(e, entry, text + at, length))) {
            return false;
        }
        const uint16_t *piece = e->piece + e->words.value[entry] - 1;
        put(e, piece + 1, piece[0]);
        at += length;
    }
    return true;
}

as_status as_tokenizer_encode(const as_tokenizer *tokenizer, const uint8_t *text, int64_t n, void **tokens,
                              int64_t *count)
{
    encoding e = {.tokenizer = tokenizer};
    const uint16_t separator = (uint16_t)(tokenizer->vocabulary - 1);
    bool good = true;
    e.token = malloc((size_t)(n + 1) * as_dtype_bytes(as_tokenizer_type(tokenizer)));
    good = e.token != NULL;
    for (int64_t at = 0; good && at < n;) {
        const uint8_t *end = NULL;
        if (tokenizer->separator_bytes > 0) {
            end = memmem(text + at, (size_t)(n - at), tokenizer->separator, (size_t)tokenizer->separator_bytes);
        }
        good = encode_words(&e, text + at, end != NULL ? end - (text + at) : n - at);
        if (good && end != NULL) {
            put(&e, &separator, 1);
        }
        at = end != NULL ? end - text + tokenizer->separator_bytes : n;
    }
    as_words_free(&e.words);
    free(e.piece);
    if (!good) {
        free(e.token);
        AS_FAIL(AS_NOMEM, "out of memory for the tokens of %lld bytes", (long long)n);
    }
    *tokens = e.token;
    *count = e.count;
    return AS_OK;
}
