/* UTF-8, words, learning merges against a plain oracle, encoding and decoding. */
#include "unit/data_setup.h"

#include "base/rng.h"
#include "base/utf8.h"
#include "data/tokenizer.h"
#include "data/tokenizer_words.h"

static int64_t valid(const char *text)
{
    return as_utf8_valid((const uint8_t *)text, (int64_t)strlen(text));
}

static void test_utf8_is_told_from_other_bytes(void **state)
{
    (void)state;
    assert_int_equal(valid(""), 0);
    assert_int_equal(valid("plain text, longer than a word"), 30);
    assert_int_equal(valid("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"), 15);
    assert_int_equal(valid("12345678\xFF"), 8);             /* no lead byte */
    assert_int_equal(valid("a\x80"), 1);                    /* continuation without lead */
    assert_int_equal(valid("ab\xC3"), 2);                   /* cut off */
    assert_int_equal(valid("ab\xC3z"), 2);                  /* wrong continuation */
    assert_int_equal(valid("\xC0\xAF"), 0);                 /* overlong */
    assert_int_equal(valid("\xE0\x9F\xBF"), 0);             /* overlong */
    assert_int_equal(valid("x\xED\xA0\x80"), 1);            /* surrogate */
    assert_int_equal(valid("\xED\x9F\xBF\xEE\x80\x80"), 6); /* its neighbours */
    assert_int_equal(valid("\xF4\x90\x80\x80"), 0);         /* beyond U+10FFFF */
    assert_int_equal(valid("\xF4\x8F\xBF\xBF"), 4);
    const uint8_t euro[] = "a\xE2\x82\xAC"
                           "b";
    assert_int_equal(as_utf8_boundary(euro, 5, 3), 1);
    assert_int_equal(as_utf8_boundary(euro, 5, 4), 4);
    assert_int_equal(as_utf8_boundary(euro, 5, 5), 5);
    assert_int_equal(as_utf8_boundary(euro, 5, 0), 0);
}

/* Whatever the pieces are that a text comes in, it is put together again; other bytes are marked. */
static void test_text_is_shown_as_it_comes(void **state)
{
    (void)state;
    const char *text = "a\xC3\xBC\xE0\xA0\x80\xE2\x82\xAC\xED\x9F\xBF\xF0\x9F\x98\x80\xF4\x8F\xBF\xBFz";
    const int64_t n = (int64_t)strlen(text);
    for (int64_t piece = 1; piece <= n; piece++) {
        uint8_t pending[64], shown[256];
        int64_t waiting = 0, put = 0;
        for (int64_t at = 0; at < n; at += piece) {
            const int64_t more = n - at < piece ? n - at : piece;
            int64_t size = 0;
            memcpy(pending + waiting, text + at, (size_t)more);
            const int64_t used = as_utf8_clean(pending, waiting + more, at + more >= n, shown + put, &size);
            waiting += more - used;
            memmove(pending, pending + used, (size_t)waiting);
            put += size;
        }
        assert_int_equal(waiting, 0);
        assert_int_equal(put, n);
        assert_memory_equal(shown, text, (size_t)n);
    }
    uint8_t shown[64];
    int64_t size = 0;
    assert_int_equal(as_utf8_clean((const uint8_t *)"x\x80\xC0y\xC3", 5, 0, shown, &size), 4);
    assert_int_equal(size, 8);
    assert_memory_equal(shown, "x\xEF\xBF\xBD\xEF\xBF\xBDy", 8);
    assert_int_equal(as_utf8_clean((const uint8_t *)"\xC3", 1, 1, shown, &size), 1);
    assert_int_equal(size, 3);
    assert_int_equal(as_utf8_clean((const uint8_t *)"\xED\xA0", 2, 0, shown, &size), 2); /* no surrogate will come */
}

static void expect_words(const char *text, int n, const char *const *word)
{
    const uint8_t *at = (const uint8_t *)text;
    int64_t left = (int64_t)strlen(text);
    for (int i = 0; i < n; i++) {
        const int64_t length = as_word_length(at, left);
        assert_int_equal(length, strlen(word[i]));
        assert_memory_equal(at, word[i], (size_t)length);
        at += length;
        left -= length;
    }
    assert_int_equal(left, 0);
}

static void test_words_take_one_space_before_them(void **state)
{
    (void)state;
    const char *const words[] = {"In", " the", " beginning", ","};
    expect_words("In the beginning,", 4, words);
    expect_words("a   b", 3, (const char *const[]){"a", "  ", " b"});
    expect_words("a\n b ", 4, (const char *const[]){"a", "\n", " b", " "});
    expect_words("x12y", 3, (const char *const[]){"x", "12", "y"});
    expect_words(" \xC3\xBC--", 2, (const char *const[]){" \xC3\xBC", "--"});
    expect_words("  ", 1, (const char *const[]){"  "});
    char run[200];
    memset(run, 'q', sizeof run);
    assert_int_equal(as_word_length((const uint8_t *)run, sizeof run), AS_WORD_MAX);
}

/* A text of a few letters, with structure: runs repeat. */
static void make_text(uint64_t seed, int64_t n, char *text)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t w[4];
        as_rng_words(seed, AS_RNG_TEST, 1, 0, (uint64_t)(i / 3 % 17), w);
        as_rng_words(seed, AS_RNG_TEST, 2, w[0] % 4, (uint64_t)i, w);
        text[i] = "aaabbcde  .\n"[w[0] % 12];
    }
}

/* The definition: words with their counts as token lists; each time count all pairs, merge the best. */
static int64_t plain_merges(const char *text, int64_t n, int64_t most, int32_t *merge)
{
    int32_t *token = malloc((size_t)n * sizeof *token);
    int64_t merges = 0, size = n;
    int32_t *word = malloc((size_t)n * sizeof *word);
    for (int64_t at = 0, w = 0; at < n; w++) {
        const int64_t length = as_word_length((const uint8_t *)text + at, n - at);
        for (int64_t i = 0; i < length; i++, at++) {
            token[at] = (uint8_t)text[at];
            word[at] = (int32_t)w;
        }
    }
    for (; merges < most; merges++) {
        int64_t best = 1;
        int32_t left = -1, right = -1;
        for (int64_t i = 0; i + 1 < size; i++) {
            int64_t count = 0;
            for (int64_t j = 0; j + 1 < size && word[i] == word[i + 1]; j++) {
                count += word[j] == word[j + 1] && token[j] == token[i] && token[j + 1] == token[i + 1];
            }
            const bool smaller = token[i] < left || (token[i] == left && token[i + 1] < right);
            if (count > best || (count == best && best > 1 && smaller)) {
                best = count;
                left = token[i];
                right = token[i + 1];
            }
        }
        if (best < 2) {
            break;
        }
        int64_t to = 0;
        for (int64_t i = 0; i < size; i++) {
            const bool here = i + 1 < size && word[i] == word[i + 1] && token[i] == left && token[i + 1] == right;
            word[to] = word[i];
            token[to++] = here ? (int32_t)(AS_BYTES + merges) : token[i];
            i += here;
        }
        size = to;
        merge[2 * merges] = left;
        merge[2 * merges + 1] = right;
    }
    free(token);
    free(word);
    return merges;
}

static void test_merges_are_those_of_the_definition(void **state)
{
    (void)state;
    enum { N = 700, MOST = 60 };
    char text[N];
    int32_t expected[2 * MOST];
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const int64_t n = seed == 12 ? 2 : N;
        make_text(seed, n, text);
        const int64_t most = plain_merges(text, n, MOST, expected);
        as_tokenizer *t = NULL;
        const int32_t *merge = NULL;
        assert_ok(as_tokenizer_train((const uint8_t *)text, n, AS_BYTES + MOST, NULL, &t));
        assert_int_equal(as_tokenizer_merges(t, &merge), most);
        assert_memory_equal(merge, expected, (size_t)(2 * most) * sizeof *merge);
        as_tokenizer_destroy(&t);
    }
}

/* Joins the tokens of a text again. */
static void expect_round_trip(const as_tokenizer *t, const uint8_t *text, int64_t n, int64_t *tokens)
{
    void *token = NULL;
    int64_t at = 0;
    assert_ok(as_tokenizer_encode(t, text, n, &token, tokens));
    for (int64_t i = 0; i < *tokens; i++) {
        int64_t bytes = 0;
        const int64_t id = as_tokenizer_type(t) == AS_U8 ? ((uint8_t *)token)[i] : ((uint16_t *)token)[i];
        assert_in_range(id, 0, as_tokenizer_vocabulary(t) - 1);
        const uint8_t *piece = as_tokenizer_bytes(t, id, &bytes);
        assert_true(at + bytes <= n);
        assert_memory_equal(text + at, piece, (size_t)bytes);
        at += bytes;
    }
    assert_int_equal(at, n);
    free(token);
}

static void test_tokens_give_the_text_back(void **state)
{
    (void)state;
    enum { N = 5000 };
    uint8_t text[N];
    make_text(3, N, (char *)text);
    for (int separated = 0; separated < 2; separated++) {
        as_tokenizer *t = NULL, *copy = NULL;
        int64_t tokens = 0;
        assert_ok(as_tokenizer_train(text, N, 400, separated ? ".\n" : NULL, &t));
        expect_round_trip(t, text, N, &tokens);
        assert_in_range(tokens, 1, 2 * N / 3);
        assert_ok(as_tokenizer_copy(t, &copy));
        assert_true(as_tokenizer_same(t, copy));
        as_tokenizer_destroy(&copy);
        for (uint64_t seed = 0; seed < 20; seed++) { /* texts that were not learnt from, any bytes */
            uint8_t noise[300];
            for (int64_t i = 0; i < 300; i++) {
                uint32_t w[4];
                as_rng_words(seed, AS_RNG_TEST, 3, 0, (uint64_t)i, w);
                noise[i] = seed % 2 ? (uint8_t)w[0] : (uint8_t) "aab. \n"[w[0] % 6];
            }
            expect_round_trip(t, noise, (int64_t)(15 * seed), &tokens);
        }
        as_tokenizer_destroy(&t);
    }
}

static void test_bytes_and_separators_are_tokens(void **state)
{
    (void)state;
    as_tokenizer *t = NULL;
    uint16_t *token = NULL;
    int64_t n = 0;
    assert_ok(as_tokenizer_create(0, NULL, NULL, &t));
    assert_int_equal(as_tokenizer_vocabulary(t), 256);
    assert_int_equal(as_tokenizer_type(t), AS_U8);
    as_tokenizer_destroy(&t);
    assert_ok(as_tokenizer_create(1, (const int32_t[]){'a', 'b'}, "--", &t));
    assert_int_equal(as_tokenizer_vocabulary(t), 258);
    assert_ok(as_tokenizer_encode(t, (const uint8_t *)"ab--a---", 8, (void **)&token, &n));
    const uint16_t expected[] = {256, 257, 'a', 257, '-'};
    assert_int_equal(n, 5);
    assert_memory_equal(token, expected, sizeof expected);
    free(token);
    as_tokenizer_destroy(&t);
}

static void test_impossible_merges_are_refused(void **state)
{
    (void)state;
    as_tokenizer *t = NULL;
    assert_fails(AS_DATA, "merge 0 of a vocabulary", as_tokenizer_create(1, (const int32_t[]){256, 1}, NULL, &t));
    assert_fails(AS_DATA, "merge 0 of a vocabulary", as_tokenizer_create(1, (const int32_t[]){-1, 1}, NULL, &t));
    assert_fails(AS_DATA, "again", as_tokenizer_create(2, (const int32_t[]){1, 1, 1, 1}, NULL, &t));
    assert_fails(AS_DATA, "at most 65536", as_tokenizer_create(AS_VOCABULARY_MAX, NULL, NULL, &t));
    int32_t doubling[2 * 40] = {1, 1};
    for (int i = 1; i < 40; i++) {
        doubling[2 * i] = doubling[2 * i + 1] = AS_BYTES + i - 1;
    }
    assert_fails(AS_DATA, "a vocabulary of more than", as_tokenizer_create(40, doubling, NULL, &t));
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_is_told_from_other_bytes),
        cmocka_unit_test(test_text_is_shown_as_it_comes),
        cmocka_unit_test(test_words_take_one_space_before_them),
        cmocka_unit_test(test_merges_are_those_of_the_definition),
        cmocka_unit_test(test_tokens_give_the_text_back),
        cmocka_unit_test(test_bytes_and_separators_are_tokens),
        cmocka_unit_test(test_impossible_merges_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
