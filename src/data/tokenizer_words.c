/* Classes of bytes, and open addressing with FNV-1a (Fowler, Noll, Vo), at most half full. */
#include "data/tokenizer_words.h"

#include <stdlib.h>
#include <string.h>

typedef enum byte_class { LETTER, DIGIT, SIGN, SPACE } byte_class;

static byte_class class_of(uint8_t byte)
{
    const uint8_t lower = byte | 0x20;
    if (byte >= 0x80 || (lower >= 'a' && lower <= 'z')) {
        return LETTER;
    }
    if (byte >= '0' && byte <= '9') {
        return DIGIT;
    }
    return byte == ' ' || (byte >= '\t' && byte <= '\r') ? SPACE : SIGN;
}

int64_t as_word_length(const uint8_t *text, int64_t n)
{
    const int64_t most = n < AS_WORD_MAX ? n : AS_WORD_MAX;
    int64_t at = text[0] == ' ' && most > 1 && class_of(text[1]) != SPACE;
    const byte_class kind = class_of(text[at]);
    while (at < most && class_of(text[at]) == kind) {
        at++;
    }
    if (kind == SPACE && at > 1 && at < n && text[at - 1] == ' ' && class_of(text[at]) != SPACE) {
        at--;
    }
    return at;
}

static uint64_t hash_of(const uint8_t *text, int64_t length)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (int64_t i = 0; i < length; i++) {
        h = (h ^ text[i]) * UINT64_C(0x100000001B3);
    }
    return h ^ (h >> 32);
}

/* The slot that holds a word, or the free one where it belongs. */
static int64_t place_of(const as_words *words, const uint8_t *text, int64_t length)
{
    const int64_t mask = words->slots - 1;
    for (int64_t at = (int64_t)(hash_of(text, length) & (uint64_t)mask);; at = (at + 1) & mask) {
        const int64_t entry = words->slot[at] - 1;
        if (entry < 0 || (words->length[entry] == length && memcmp(words->text[entry], text, (size_t)length) == 0)) {
            return at;
        }
    }
}

/* Room for one more. */
static int grow(as_words *words)
{
    if (words->n < words->capacity) {
        return 0;
    }
    const int64_t capacity = words->capacity == 0 ? 1024 : 2 * words->capacity;
    const uint8_t **text = realloc(words->text, (size_t)capacity * sizeof *text);
    words->text = text != NULL ? text : words->text;
    int32_t *length = realloc(words->length, (size_t)capacity * sizeof *length);
    words->length = length != NULL ? length : words->length;
    int64_t *value = realloc(words->value, (size_t)capacity * sizeof *value);
    words->value = value != NULL ? value : words->value;
    int64_t *slot = calloc((size_t)(2 * capacity), sizeof *slot);
    if (text == NULL || length == NULL || value == NULL || slot == NULL) {
        free(slot);
        return -1;
    }
    free(words->slot);
    words->slot = slot;
    words->slots = 2 * capacity;
    words->capacity = capacity;
    for (int64_t i = 0; i < words->n; i++) {
        words->slot[place_of(words, words->text[i], words->length[i])] = i + 1;
    }
    return 0;
}

int64_t as_words_find(as_words *words, const uint8_t *text, int64_t length)
{
    if (grow(words) != 0) {
        return -1;
    }
    const int64_t at = place_of(words, text, length);
    if (words->slot[at] == 0) {
        words->text[words->n] = text;
        words->length[words->n] = (int32_t)length;
        words->value[words->n] = 0;
        words->slot[at] = ++words->n;
    }
    return words->slot[at] - 1;
}

void as_words_free(as_words *words)
{
    free(words->text);
    free(words->length);
    free(words->value);
    free(words->slot);
    *words = (as_words){0};
}
