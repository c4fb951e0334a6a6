/* SHA-256 against the standard's examples, and the two paths against each other. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void digest_of(const void *data, size_t bytes, size_t piece, bool plain, char text[65])
{
    as_sha256 hash;
    uint8_t digest[32];
    as_sha256_begin(&hash);
    if (plain) {
        hash.instructions = false;
    }
    for (size_t at = 0; at < bytes; at += piece) {
        as_sha256_add(&hash, (const char *)data + at, bytes - at < piece ? bytes - at : piece);
    }
    as_sha256_end(&hash, digest);
    as_sha256_text(digest, text);
}

/* FIPS 180-2 appendix B, and the empty message. */
static void test_examples_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        const char *message, *digest;
    } example[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof example / sizeof example[0]; i++) {
        for (int plain = 0; plain < 2; plain++) {
            char text[65];
            digest_of(example[i].message, strlen(example[i].message), 1000, plain != 0, text);
            assert_string_equal(text, example[i].digest);
        }
    }
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    for (int plain = 0; plain < 2; plain++) {
        char text[65];
        digest_of(million, 1000000, 999983, plain != 0, text);
        assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    free(million);
}

/* Every length around the padding edges, cut into every small piece size, on both paths. */
static void test_pieces_and_paths_agree(void **state)
{
    (void)state;
    uint8_t data[300];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 37 + 11);
    }
    for (size_t bytes = 0; bytes <= sizeof data; bytes++) {
        char whole[65];
        digest_of(data, bytes, sizeof data, true, whole);
        for (size_t piece = 1; piece <= 130; piece += 1 + piece / 5) {
            char text[65];
            digest_of(data, bytes, piece, false, text);
            assert_string_equal(text, whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_standard),
        cmocka_unit_test(test_pieces_and_paths_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
