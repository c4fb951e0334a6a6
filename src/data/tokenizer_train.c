/* Learning merges. The text becomes its different words with their counts; of each pair of neighbouring tokens the
   count over all words and the words that it stands in are kept, and a heap gives the largest count. A merge touches
   the words of its pair alone (as in Sennrich's subword-nmt). Counts in the heap are upper bounds: a pair whose count
   has fallen goes back with the true one. Cost: one hash of each word of the text, then about the number of tokens that
   the different words lose. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/tokenizer.h"
#include "data/tokenizer_words.h"

typedef struct pair {
    int32_t left, right;
    int64_t count;
    int64_t *word; /* words that hold it, or once did */
    int64_t n, room;
} pair;

typedef struct entry {
    int64_t count;
    int32_t pair;
} entry;

typedef struct training {
    as_words words; /* value: how often */
    int32_t *token; /* of all words, one after the other */
    int64_t *first; /* (words) where those of each begin */
    uint8_t *size;  /* (words) tokens of each */
    pair *pair;
    int64_t pairs, pair_room, slots;
    int32_t *slot; /* (slots) pair + 1 */
    entry *heap;
    int64_t heaped, heap_room;
    int32_t *merge;
    int64_t merges;
    bool failed; /* out of memory */
} training;

/* ---- the heap: largest count first, then smallest tokens ---- */

static bool before(const training *t, entry a, entry b)
{
    const pair *p = &t->pair[a.pair], *q = &t->pair[b.pair];
    if (a.count != b.count) {
        return a.count > b.count;
    }
    return p->left != q->left ? p->left < q->left : p->right < q->right;
}

static void push(training *t, entry e)
{
    if (t->heaped == t->heap_room) {
        const int64_t room = t->heap_room == 0 ? 4096 : 2 * t->heap_room;
        entry *heap = realloc(t->heap, (size_t)room * sizeof *heap);
        if (heap == NULL) {
            t->failed = true;
            return;
        }
        t->heap = heap;
        t->heap_room = room;
    }
    int64_t at = t->heaped++;
    for (; at > 0 && before(t, e, t->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        t->heap[at] = t->heap[(at - 1) / 2];
    }
    t->heap[at] = e;
}

static entry pop(training *t)
{
    const entry top = t->heap[0], last = t->heap[--t->heaped];
    int64_t at = 0;
    for (int64_t child = 1; child < t->heaped; child = 2 * at + 1) {
        child += child + 1 < t->heaped && before(t, t->heap[child + 1], t->heap[child]);
        if (!before(t, t->heap[child], last)) {
            break;
        }
        t->heap[at] = t->heap[child];
        at = child;
    }
    t->heap[at] = last;
    return top;
}

/* ---- pairs ---- */

static int64_t pair_slot(const training *t, int32_t left, int32_t right)
{
    const uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * UINT64_C(0x9E3779B97F4A7C15);
    const int64_t mask = t->slots - 1;
    int64_t at = (int64_t)((h >> 32) & (uint64_t)mask);
    while (t->slot[at] != 0 && (t->pair[t->slot[at] - 1].left != left || t->pair[t->slot[at] - 1].right != right)) {
        at = (at + 1) & mask;
    }
    return at;
}

static bool grow_pairs(training *t)
{
    if (t->pairs < t->pair_room) {
        return true;
    }
    const int64_t room = t->pair_room == 0 ? 4096 : 2 * t->pair_room;
    pair *grown = realloc(t->pair, (size_t)room * sizeof *grown);
    t->pair = grown != NULL ? grown : t->pair;
    int32_t *slot = calloc((size_t)(2 * room), sizeof *slot);
    if (grown == NULL || slot == NULL) {
        free(slot);
        return false;
    }
    free(t->slot);
    t->slot = slot;
    t->slots = 2 * room;
    t->pair_room = room;
    for (int64_t i = 0; i < t->pairs; i++) {
        t->slot[pair_slot(t, t->pair[i].left, t->pair[i].right)] = (int32_t)i + 1;
    }
    return true;
}

/* The pair of two tokens, -1 when memory runs out. */
static int32_t pair_of(training *t, int32_t left, int32_t right)
{
    if (!grow_pairs(t)) {
        t->failed = true;
        return -1;
    }
    const int64_t at = pair_slot(t, left, right);
    if (t->slot[at] == 0) {
        t->pair[t->pairs++] = (pair){.left = left, .right = right};
        t->slot[at] = (int32_t)t->pairs;
    }
    return t->slot[at] - 1;
}

/* Adds the pairs of a word to the counts, or takes them away (sign -1). Of pairs with `fresh` in them (or of all, for a
   token below 0) the word is noted, and the new count goes into the heap if `heap`. */
static void count_word(training *t, int64_t word, int sign, int32_t fresh, bool heap)
{
    const int32_t *token = t->token + t->first[word];
    for (int i = 0; i + 1 < t->size[word] && !t->failed; i++) {
        const int32_t p = pair_of(t, token[i], token[i + 1]);
        if (p < 0) {
            return;
        }
        pair *q = &t->pair[p];
        q->count += sign * t->words.value[word];
        if (sign < 0 || (fresh >= 0 && token[i] != fresh && token[i + 1] != fresh)) {
            continue;
        }
        if (q->n == 0 || q->word[q->n - 1] != word) {
            if (q->n == q->room) {
                const int64_t room = q->room == 0 ? 4 : 2 * q->room;
                int64_t *grown = realloc(q->word, (size_t)room * sizeof *grown);
                if (grown == NULL) {
                    t->failed = true;
                    return;
                }
                q->word = grown;
                q->room = room;
            }
            q->word[q->n++] = word;
        }
        if (heap) {
            push(t, (entry){q->count, p});
        }
    }
}

/* Puts `fresh` in the place of each left, right of a word, from its front, if there is one. */
static void merge_word(training *t, int64_t word, int32_t left, int32_t right, int32_t fresh)
{
    int32_t *token = t->token + t->first[word];
    const int n = t->size[word];
    int found = -1;
    for (int i = 0; i + 1 < n && found < 0; i++) {
        found = token[i] == left && token[i + 1] == right ? i : -1;
    }
    if (found < 0) {
        return;
    }
    count_word(t, word, -1, -1, false);
    int to = found;
    for (int i = found; i < n; i++) {
        const bool here = i + 1 < n && token[i] == left && token[i + 1] == right;
        token[to++] = here ? fresh : token[i];
        i += here;
    }
    t->size[word] = (uint8_t)to;
    count_word(t, word, +1, fresh, true);
}

/* ---- the text ---- */

static void read_words(training *t, const uint8_t *text, int64_t n)
{
    for (int64_t at = 0; at < n && !t->failed;) {
        const int64_t length = as_word_length(text + at, n - at);
        const int64_t word = as_words_find(&t->words, text + at, length);
        t->failed = word < 0;
        if (word >= 0) {
            t->words.value[word]++;
        }
        at += length;
    }
}

static void read_documents(training *t, const uint8_t *text, int64_t n, const char *separator)
{
    const size_t apart = separator != NULL ? strlen(separator) : 0;
    for (int64_t at = 0; at < n && !t->failed;) {
        const uint8_t *end = apart == 0 ? NULL : memmem(text + at, (size_t)(n - at), separator, apart);
        read_words(t, text + at, end != NULL ? end - (text + at) : n - at);
        at = end != NULL ? end - text + (int64_t)apart : n;
    }
}

static void begin(training *t, int64_t most)
{
    int64_t bytes = 0;
    for (int64_t word = 0; word < t->words.n; word++) {
        bytes += t->words.length[word];
    }
    t->token = malloc(((size_t)bytes + 1) * sizeof *t->token);
    t->first = malloc(((size_t)t->words.n + 1) * sizeof *t->first);
    t->size = malloc((size_t)t->words.n + 1);
    t->merge = malloc(((size_t)(2 * most) + 1) * sizeof *t->merge);
    t->failed = t->failed || t->token == NULL || t->first == NULL || t->size == NULL || t->merge == NULL;
    for (int64_t word = 0, at = 0; word < t->words.n && !t->failed; at += t->words.length[word++]) {
        t->first[word] = at;
        t->size[word] = (uint8_t)t->words.length[word];
        for (int i = 0; i < t->size[word]; i++) {
            t->token[at + i] = t->words.text[word][i];
        }
        count_word(t, word, +1, -1, false);
    }
    for (int64_t p = 0; p < t->pairs && !t->failed; p++) {
        push(t, (entry){t->pair[p].count, (int32_t)p});
    }
}

static void learn(training *t, int64_t most)
{
    while (t->merges < most && t->heaped > 0 && !t->failed) {
        const entry top = pop(t);
        const int64_t now = t->pair[top.pair].count;
        if (now != top.count) {
            if (now > 0 && now < top.count) { /* a larger count has an entry of its own */
                push(t, (entry){now, top.pair});
            }
            continue;
        }
        if (now < 2) {
            break;
        }
        const int32_t left = t->pair[top.pair].left, right = t->pair[top.pair].right;
        const int32_t fresh = (int32_t)(AS_BYTES + t->merges);
        for (int64_t i = 0; i < t->pair[top.pair].n && !t->failed; i++) {
            merge_word(t, t->pair[top.pair].word[i], left, right, fresh);
        }
        t->merge[2 * t->merges] = left;
        t->merge[2 * t->merges + 1] = right;
        t->merges++;
    }
}

as_status as_tokenizer_train(const uint8_t *text, int64_t n, int64_t vocabulary, const char *separator,
                             as_tokenizer **out)
{
    const int64_t most = vocabulary - AS_BYTES - (separator != NULL && separator[0] != '\0');
    training t = {0};
    as_status status = AS_OK;
    if (most > 0) {
        read_documents(&t, text, n, separator);
        begin(&t, most);
        learn(&t, most);
    }
    if (t.failed) {
        status = as_error_set(AS_NOMEM, "out of memory for learning the pairs of %lld bytes", (long long)n);
    } else {
        status = as_tokenizer_create(t.merges, t.merge, separator, out);
    }
    for (int64_t p = 0; p < t.pairs; p++) {
        free(t.pair[p].word);
    }
    as_words_free(&t.words);
    free(t.token);
    free(t.first);
    free(t.size);
    free(t.pair);
    free(t.slot);
    free(t.heap);
    free(t.merge);
    return status;
}
