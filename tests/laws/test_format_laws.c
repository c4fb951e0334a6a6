/* Laws of every data format: a file that is not there, empty, a folder or not of its kind is refused with its name, or
   read without contradiction; rows read one by one are the rows read at once. What a format reads right is tested by
   tests/unit/test_format_KIND.c. */
#include "data/format.h"

#include "base/text.h"
#include "laws/kinds.h"

#define SCRATCH(name) TEST_SCRATCH "/laws-" name

/* What the kind asks for: `path` for every text, the least value of every number. */
static void *options_of(as_document *document, const as_format_ops *ops, const char *path)
{
    as_text text = {0};
    for (const as_field *f = ops->fields; f != NULL && f->name != NULL; f++) {
        if (f->standard != NULL) {
            continue;
        }
        as_text_add(&text, "%s%s: ", text.size > 0 ? ", " : "", f->name);
        if (f->type == AS_FIELD_INT || f->type == AS_FIELD_REAL) {
            as_text_add(&text, "%g", f->min);
        } else {
            as_text_add(&text, "%s", path);
        }
    }
    void *options = kind_options(document, ops->fields, ops->options_bytes, text.data != NULL ? text.data : "");
    as_text_free(&text);
    return options;
}

static bool reads_files(const as_format_ops *ops)
{
    for (const as_field *f = ops->fields; f != NULL && f->name != NULL; f++) {
        if (f->type == AS_FIELD_TEXT && f->standard == NULL) {
            return true;
        }
    }
    return false;
}

static void write_bytes(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fwrite(data, 1, bytes, file) == bytes);
    assert_int_equal(fclose(file), 0);
}

static void assert_named(const as_format_ops *ops, const char *path)
{
    if (strstr(as_error_message(), path) == NULL) {
        fail_msg("%s: the message does not name the file %s: \"%s\"", ops->name, path, as_error_message());
    }
}

/* All rows of a part at once, and each alone, last one first. The status of reading all. */
static as_status check_rows(const as_format_ops *ops, as_format_file *file, as_part part, const as_column *column)
{
    const int64_t width = as_shape_size(&column->shape);
    if (column->rows < 1 || width < 1 || column->place[0] == '\0') {
        fail_msg("%s: part %d has %lld rows of %lld numbers at \"%s\"", ops->name, (int)part, (long long)column->rows,
                 (long long)width, column->place);
    }
    const size_t row = (size_t)width * as_dtype_bytes(column->type), bytes = row * (size_t)column->rows;
    uint8_t *whole = malloc(bytes), *one = malloc(row);
    assert_true(whole != NULL && one != NULL);
    const as_status status = ops->read(file, part, 0, column->rows, whole);
    for (int64_t r = column->rows - 1; status == AS_OK && r >= 0; r--) {
        assert_int_equal(ops->read(file, part, r, 1, one), AS_OK);
        if (memcmp(one, whole + row * (size_t)r, row) != 0) {
            fail_msg("%s: row %lld read alone is not the row read with the others", ops->name, (long long)r);
        }
    }
    free(whole);
    free(one);
    return status;
}

/* The status of opening `path` and reading everything. */
static as_status try_path(const as_format_ops *ops, const char *path)
{
    as_document *document = NULL;
    as_format_file *file = NULL;
    as_column column[AS_PARTS] = {{.present = false}};
    assert_int_equal(as_document_create(&document), AS_OK);
    as_status status = ops->open(options_of(document, ops, path), NULL, &file, column);
    if (status == AS_OK) {
        assert_true(column[AS_PART_X].present);
        for (int part = 0; part < AS_PARTS && status == AS_OK; part++) {
            if (column[part].present) {
                status = check_rows(ops, file, (as_part)part, &column[part]);
            }
            if (column[part].present && status == AS_OK && ops->verify != NULL) {
                status = ops->verify(file, (as_part)part);
            }
        }
        ops->close(&file);
    }
    if (status != AS_OK) {
        assert_named(ops, path);
    }
    as_document_destroy(&document);
    return status;
}

/* as_source_inputs gives a format its first key and nothing else. */
static void test_only_the_file_is_required(void **state)
{
    (void)state;
    for (const as_format_ops *const *k = as_formats_get(); *k != NULL; k++) {
        const as_field *fields = (*k)->fields;
        for (int i = 0; reads_files(*k) && fields[i].name != NULL; i++) {
            if ((fields[i].standard == NULL) != (i == 0) || (i == 0 && fields[i].type != AS_FIELD_TEXT)) {
                fail_msg("%s: %s: the first key of a format is its file, and the only one without a default",
                         (*k)->name, fields[i].name);
            }
        }
    }
}

static void test_missing_and_empty_files_are_refused(void **state)
{
    (void)state;
    write_bytes(SCRATCH("empty"), "", 0);
    for (const as_format_ops *const *k = as_formats_get(); *k != NULL; k++) {
        if (!reads_files(*k)) {
            assert_int_equal(try_path(*k, ""), AS_OK);
            continue;
        }
        const as_status missing = try_path(*k, SCRATCH("absent")), empty = try_path(*k, SCRATCH("empty"));
        const as_status folder = try_path(*k, TEST_SCRATCH);
        if (missing != AS_NOINPUT || empty != AS_DATA || folder == AS_OK) {
            fail_msg("%s: a missing file gives %d (expected %d), an empty one %d (%d), a folder %d (not 0)", (*k)->name,
                     missing, AS_NOINPUT, empty, AS_DATA, folder);
        }
    }
}

/* Noise is refused, or (by a format without a header) read without contradiction. */
static void test_noise_is_refused_or_read(void **state)
{
    (void)state;
    uint8_t noise[1024];
    for (size_t i = 0; i < sizeof noise; i++) {
        uint32_t w[4];
        as_rng_words(5, AS_RNG_TEST, 0, 0, i, w);
        noise[i] = (uint8_t)w[0];
    }
    for (const as_format_ops *const *k = as_formats_get(); *k != NULL; k++) {
        for (size_t bytes = 1; bytes <= sizeof noise && reads_files(*k); bytes += bytes < 40 ? 1 : 123) {
            write_bytes(SCRATCH("noise"), noise, bytes);
            const as_status status = try_path(*k, SCRATCH("noise"));
            if (status != AS_OK && status != AS_DATA && status != AS_CONFIG) {
                fail_msg("%s: %zu bytes of noise give %d: %s", (*k)->name, bytes, status, as_error_message());
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_file_is_required),
        cmocka_unit_test(test_missing_and_empty_files_are_refused),
        cmocka_unit_test(test_noise_is_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
