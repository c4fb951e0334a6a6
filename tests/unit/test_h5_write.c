/* Files of as_h5_write: what goes in comes out, the bytes do not depend on the pieces, and every damage is seen. */
#include "io/h5_write.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/rng.h"
#include "io/h5_contents.h"

#define SCRATCH TEST_SCRATCH "/h5_write"

static as_world *world;

static int open_world(void **state)
{
    (void)state;
    mkdir(SCRATCH, 0755);
    return as_world_open(&(as_world_options){0}, &world) == AS_OK ? 0 : -1;
}

static int close_world(void **state)
{
    (void)state;
    as_world_close(&world);
    return 0;
}

enum { ROWS = 1300, COLUMNS = 1024, SMALL = 37 };

/* A big dataset that crosses block boundaries, small ones of odd sizes, an empty one and texts. */
typedef struct sample {
    float *big;
    double small[SMALL];
    int16_t splits[5];
    uint8_t flag;
} sample;

static void sample_make(sample *s)
{
    s->big = malloc(sizeof(float) * ROWS * COLUMNS);
    assert_non_null(s->big);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        uint32_t word[4];
        as_rng_words(7, AS_RNG_TEST, 0, 0, (uint64_t)i, word);
        s->big[i] = as_rng_uniform_f32(word[0]) - 0.5f;
    }
    for (int i = 0; i < SMALL; i++) {
        s->small[i] = 1.0 / (i + 1);
    }
    for (int i = 0; i < 5; i++) {
        s->splits[i] = (int16_t)(i - 2);
    }
    s->flag = 1;
}

static const as_h5_attribute attributes[] = {
    {.name = "format_version", .value = 1}, {.name = "step", .value = 123456789012}, {.name = "note", .text = "a b c"}};

/* Writes the sample, the big dataset in pieces of `cut` elements given in reverse order. */
static as_status sample_write(const sample *s, const char *path, int64_t cut, uint8_t digest[32])
{
    const int64_t total = (int64_t)ROWS * COLUMNS;
    const int npieces = (int)((total + cut - 1) / cut);
    as_h5_piece *piece = calloc((size_t)npieces, sizeof *piece);
    assert_non_null(piece);
    for (int i = 0; i < npieces; i++) {
        const int64_t first = (npieces - 1 - i) * cut;
        piece[i] =
            (as_h5_piece){.first = first, .count = total - first < cut ? total - first : cut, .data = s->big + first};
    }
    const int64_t big[] = {ROWS, COLUMNS}, small[] = {SMALL}, five[] = {5}, none[] = {0, 3};
    const as_h5_item items[] = {
        {.name = "/params/dense_1/weight", .type = AS_F32, .rank = 2, .dim = big, .npieces = npieces, .piece = piece},
        {.name = "/config", .text = "name: x\nseed: 1\n"},
        {.name = "/history", .text = ""},
        {.name = "/optimizer/m/dense_1/weight",
         .type = AS_F64,
         .rank = 1,
         .dim = small,
         .npieces = 1,
         .piece = &(as_h5_piece){.count = SMALL, .data = s->small}},
        {.name = "/tree/splits",
         .type = AS_I16,
         .rank = 1,
         .dim = five,
         .npieces = 1,
         .piece = &(as_h5_piece){.count = 5, .data = s->splits}},
        {.name = "/progress/finished",
         .type = AS_U8,
         .npieces = 1,
         .piece = &(as_h5_piece){.count = 1, .data = &s->flag}},
        {.name = "/params/empty/weight", .type = AS_F32, .rank = 2, .dim = none},
    };
    const as_status status = as_h5_write(world, path, 3, attributes, sizeof items / sizeof items[0], items, digest);
    free(piece);
    return status;
}

static uint8_t *file_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

/* In place: file systems force a file that is emptied and written again to the disk, which takes its time. */
static void put_bytes(const char *path, const uint8_t *data, size_t size)
{
    const int file = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, data, size, 0), size);
    assert_int_equal(ftruncate(file, (off_t)size), 0);
    close(file);
}

static void test_what_goes_in_comes_out(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    uint8_t digest[32], again[32];
    assert_int_equal(sample_write(&s, SCRATCH "/a.h5", (int64_t)ROWS * COLUMNS, digest), AS_OK);
    assert_int_equal(as_h5_verify(SCRATCH "/a.h5", again), AS_OK);
    assert_memory_equal(digest, again, 32);

    as_h5_contents *c = NULL;
    assert_int_equal(as_h5_contents_open(SCRATCH "/a.h5", &c), AS_OK);
    assert_int_equal(c->nitems, 7);
    assert_int_equal(as_h5_contents_attribute(c, "step")->value, 123456789012);
    assert_string_equal(as_h5_contents_attribute(c, "note")->text, "a b c");
    const as_h5_stored *item = as_h5_contents_find(c, "/params/dense_1/weight");
    assert_non_null(item);
    assert_int_equal(item->rank, 2);
    assert_int_equal(item->dim[0], ROWS);
    float row[COLUMNS];
    assert_int_equal(as_h5_contents_read(c, item, 77 * COLUMNS + 5, COLUMNS, row), AS_OK);
    assert_memory_equal(row, s.big + 77 * COLUMNS + 5, sizeof row);
    assert_int_equal(as_h5_contents_read(c, item, ROWS * COLUMNS - 1, 2, row), AS_INTERNAL);
    assert_int_equal(as_h5_contents_find(c, "/params/empty/weight")->bytes, 0);
    char *text = NULL;
    assert_int_equal(as_h5_contents_text(c, "/config", &text), AS_OK);
    assert_string_equal(text, "name: x\nseed: 1\n");
    free(text);
    assert_int_equal(as_h5_contents_text(c, "/history", &text), AS_OK);
    assert_string_equal(text, "");
    free(text);
    as_h5_contents_close(&c);
    free(s.big);
}

static void test_pieces_do_not_change_the_bytes(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    assert_int_equal(sample_write(&s, SCRATCH "/a.h5", (int64_t)ROWS * COLUMNS, NULL), AS_OK);
    size_t size = 0, other_size = 0;
    uint8_t *whole = file_bytes(SCRATCH "/a.h5", &size);
    const int64_t cuts[] = {1024 * 1024, 99991, 5003};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        assert_int_equal(sample_write(&s, SCRATCH "/b.h5", cuts[i], NULL), AS_OK);
        uint8_t *other = file_bytes(SCRATCH "/b.h5", &other_size);
        assert_int_equal(size, other_size);
        assert_memory_equal(whole, other, size);
        free(other);
    }
    free(whole);
    free(s.big);
}

/* Pieces that overlap or leave a hole are our bug, and must not become a file. */
static void test_pieces_must_cover_exactly_once(void **state)
{
    (void)state;
    double data[10] = {0};
    const int64_t dim[] = {10};
    const as_h5_piece hole[] = {{.first = 0, .count = 4, .data = data}, {.first = 5, .count = 5, .data = data}};
    const as_h5_piece twice[] = {{.first = 0, .count = 6, .data = data}, {.first = 5, .count = 5, .data = data}};
    const as_h5_piece past[] = {{.first = 5, .count = 6, .data = data}};
    const as_h5_item items[] = {
        {.name = "/x/y", .type = AS_F64, .rank = 1, .dim = dim, .npieces = 2, .piece = hole},
        {.name = "/x/y", .type = AS_F64, .rank = 1, .dim = dim, .npieces = 2, .piece = twice},
        {.name = "/x/y", .type = AS_F64, .rank = 1, .dim = dim, .npieces = 1, .piece = past},
        {.name = "x y", .type = AS_F64, .rank = 1, .dim = dim, .npieces = 1, .piece = past},
    };
    for (int i = 0; i < 4; i++) {
        unlink(SCRATCH "/c.h5");
        assert_int_equal(as_h5_write(world, SCRATCH "/c.h5", 0, NULL, 1, &items[i], NULL), AS_INTERNAL);
        assert_int_equal(access(SCRATCH "/c.h5", F_OK), -1);
    }
}

static void test_missing_folder_is_cantcreat(void **state)
{
    (void)state;
    assert_int_equal(as_h5_write(world, SCRATCH "/none/c.h5", 0, NULL, 0, NULL, NULL), AS_CANTCREAT);
    assert_non_null(strstr(as_error_message(), "No such file"));
    assert_int_equal(as_h5_verify(SCRATCH "/none/c.h5", NULL), AS_NOINPUT);
}

/* A small file for the damage tests: every byte of it matters. */
static uint8_t *small_file(const char *path, int variant, size_t *size)
{
    double data[40];
    for (int i = 0; i < 40; i++) {
        data[i] = i * 0.25 + variant;
    }
    const int64_t dim[] = {8, 5};
    const as_h5_item items[] = {
        {.name = "/params/a/weight",
         .type = AS_F64,
         .rank = 2,
         .dim = dim,
         .npieces = 1,
         .piece = &(as_h5_piece){.count = 40, .data = data}},
        {.name = "/config", .text = "seed: 1\n"},
    };
    assert_int_equal(as_h5_write(world, path, 3, attributes, 2, items, NULL), AS_OK);
    return file_bytes(path, size);
}

static void assert_rejected(const char *path, const uint8_t *data, size_t size)
{
    put_bytes(path, data, size);
    const as_status status = as_h5_verify(path, NULL);
    if (status != AS_DATA) {
        fail_msg("a damaged file was not rejected: %s", as_status_name(status));
    }
    assert_non_null(strstr(as_error_message(), path));
}

static void test_every_flipped_bit_is_seen(void **state)
{
    (void)state;
    size_t size = 0;
    uint8_t *good = small_file(SCRATCH "/good.h5", 0, &size);
    /* All bytes, one of the eight bits each in turn; all eight in the list behind the HDF5 file. */
    int mutants = 0;
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            if (bit != (int)(i * 5 % 8) && i + 600 < size) {
                continue;
            }
            good[i] ^= (uint8_t)(1 << bit);
            assert_rejected(SCRATCH "/bad.h5", good, size);
            good[i] ^= (uint8_t)(1 << bit);
            mutants++;
        }
    }
    assert_true(mutants >= 2000);
    put_bytes(SCRATCH "/bad.h5", good, size);
    assert_int_equal(as_h5_verify(SCRATCH "/bad.h5", NULL), AS_OK);
    free(good);
}

static void test_truncated_and_grown_files_are_seen(void **state)
{
    (void)state;
    size_t size = 0;
    uint8_t *good = small_file(SCRATCH "/good.h5", 0, &size);
    for (size_t length = 0; length<size; length += length + 200> size ? 1 : 7) {
        assert_rejected(SCRATCH "/bad.h5", good, length);
    }
    uint8_t *grown = calloc(2, size);
    assert_non_null(grown);
    memcpy(grown, good, size);
    assert_rejected(SCRATCH "/bad.h5", grown, size + 1);
    assert_rejected(SCRATCH "/bad.h5", grown, size + 512);
    memcpy(grown + size, good, size);
    assert_rejected(SCRATCH "/bad.h5", grown, 2 * size);
    free(grown);
    free(good);
}

static void test_lost_sectors_and_mixed_files_are_seen(void **state)
{
    (void)state;
    size_t size = 0, other_size = 0;
    uint8_t *good = small_file(SCRATCH "/good.h5", 0, &size);
    uint8_t *other = small_file(SCRATCH "/other.h5", 1, &other_size);
    assert_int_equal(size, other_size);
    uint8_t *bad = malloc(size);
    assert_non_null(bad);
    for (size_t at = 0; at < size; at += 64) {
        const size_t length = size - at < 512 ? size - at : 512;
        memcpy(bad, good, size);
        memset(bad + at, 0, length);
        put_bytes(SCRATCH "/bad.h5", bad, size);
        /* A sector that was zero before is no damage. */
        assert_int_equal(as_h5_verify(SCRATCH "/bad.h5", NULL), memcmp(bad, good, size) == 0 ? AS_OK : AS_DATA);
        memcpy(bad, good, at);
        memcpy(bad + at, other + at, size - at);
        put_bytes(SCRATCH "/bad.h5", bad, size);
        const bool same = memcmp(bad, good, size) == 0 || memcmp(bad, other, size) == 0;
        assert_int_equal(as_h5_verify(SCRATCH "/bad.h5", NULL), same ? AS_OK : AS_DATA);
    }
    free(bad);
    free(good);
    free(other);
}

/* A list that was changed on purpose and given a good hash: accepted or refused as data, never more than that. */
static void test_forged_lists_are_only_data(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "-1", "99999999999999999999", "9223372036854775807", "x", " ", "\n", "text", "0", ""};
    size_t size = 0;
    uint8_t *good = small_file(SCRATCH "/good.h5", 0, &size);
    as_h5_contents *c = NULL;
    assert_int_equal(as_h5_contents_open(SCRATCH "/good.h5", &c), AS_OK);
    const size_t start = (size_t)c->bytes, list = size - start - 86;
    as_h5_contents_close(&c);
    int refused = 0;
    for (uint64_t trial = 0; trial < 3000; trial++) {
        uint32_t word[4];
        uint8_t digest[32];
        as_text text = {0};
        as_rng_words(11, AS_RNG_TEST, 0, 0, trial, word);
        const size_t at = word[0] % list, cut = word[1] % 24, end = at + cut < list ? at + cut : list;
        as_text_add(&text, "%.*s%s", (int)at, (const char *)good + start, pieces[word[2] % 9]);
        as_text_add(&text, "%.*s", (int)(list - end), (const char *)good + start + end);
        as_h5_contents_end(&text, digest);
        uint8_t *forged = malloc(start + text.size);
        assert_non_null(forged);
        memcpy(forged, good, start);
        memcpy(forged + start, text.data, text.size);
        put_bytes(SCRATCH "/bad.h5", forged, start + text.size);
        const as_status status = as_h5_verify(SCRATCH "/bad.h5", NULL);
        assert_true(status == AS_OK || status == AS_DATA);
        refused += status == AS_DATA;
        if (status == AS_OK) { /* Then its datasets can be read. */
            assert_int_equal(as_h5_contents_open(SCRATCH "/bad.h5", &c), AS_OK);
            for (int i = 0; i < c->nitems; i++) {
                char data[4096];
                const int64_t count = c->item[i].text ? c->item[i].bytes : as_h5_stored_count(&c->item[i]);
                assert_in_range(c->item[i].bytes, 0, sizeof data);
                assert_int_equal(as_h5_contents_read(c, &c->item[i], 0, count, data), AS_OK);
            }
            as_h5_contents_close(&c);
        }
        free(forged);
        as_text_free(&text);
    }
    assert_in_range(refused, 1000, 3000);
    free(good);
}

/* A length that no sum with it could hold is refused where it stands. */
static void test_a_length_beyond_the_file_is_refused(void **state)
{
    (void)state;
    size_t size = 0;
    uint8_t *good = small_file(SCRATCH "/good.h5", 0, &size);
    as_h5_contents *c = NULL;
    assert_int_equal(as_h5_contents_open(SCRATCH "/good.h5", &c), AS_OK);
    const size_t start = (size_t)c->bytes, list = size - start - 86;
    as_h5_contents_close(&c);
    const char *const from = (const char *)good + start, *const blocks = strstr(from, "\nblock ");
    as_text text = {0};
    uint8_t digest[32];
    as_text_add(&text, "allsum contents 1\nbytes %lld%.*s", (long long)INT64_MAX, (int)(from + list - blocks), blocks);
    as_h5_contents_end(&text, digest);
    uint8_t *forged = malloc(start + text.size);
    assert_non_null(forged);
    memcpy(forged, good, start);
    memcpy(forged + start, text.data, text.size);
    put_bytes(SCRATCH "/bad.h5", forged, start + text.size);
    assert_int_equal(as_h5_verify(SCRATCH "/bad.h5", NULL), AS_DATA);
    assert_non_null(strstr(as_error_message(), "line 2 of its list of contents"));
    free(forged);
    as_text_free(&text);
    free(good);
}

/* A flipped bit in a block after the first is named with its place. */
static void test_damage_is_named(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    assert_int_equal(sample_write(&s, SCRATCH "/a.h5", (int64_t)ROWS * COLUMNS, NULL), AS_OK);
    size_t size = 0;
    uint8_t *bytes = file_bytes(SCRATCH "/a.h5", &size);
    bytes[AS_H5_BLOCK + 1000] ^= 4;
    put_bytes(SCRATCH "/a.h5", bytes, size);
    assert_int_equal(as_h5_verify(SCRATCH "/a.h5", NULL), AS_DATA);
    assert_non_null(strstr(as_error_message(), "bytes 4194304 to"));
    assert_non_null(strstr(as_error_message(), "/params/dense_1/weight"));
    free(bytes);
    free(s.big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_in_comes_out),
        cmocka_unit_test(test_pieces_do_not_change_the_bytes),
        cmocka_unit_test(test_pieces_must_cover_exactly_once),
        cmocka_unit_test(test_missing_folder_is_cantcreat),
        cmocka_unit_test(test_every_flipped_bit_is_seen),
        cmocka_unit_test(test_truncated_and_grown_files_are_seen),
        cmocka_unit_test(test_lost_sectors_and_mixed_files_are_seen),
        cmocka_unit_test(test_forged_lists_are_only_data),
        cmocka_unit_test(test_a_length_beyond_the_file_is_refused),
        cmocka_unit_test(test_damage_is_named),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
