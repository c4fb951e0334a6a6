/* Lists of names, and named parts of samples: order, search, and lines that read back. */
#include <string.h>

#include "base/names.h"
#include "base/parts.h"
#include "base/text.h"
#include "data_setup.h"

static void test_insertions_ascend_without_doubles(void **state)
{
    (void)state;
    as_names names = {0};
    static const char *const words[] = {"west", "east", "", "west", "we", "wester", "east"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_ok(as_names_insert(&names, words[i], (int64_t)strlen(words[i])));
    }
    static const char *const expected[] = {"", "east", "we", "west", "wester"};
    assert_int_equal(names.n, 5);
    for (int64_t i = 0; i < names.n; i++) {
        assert_string_equal(names.name[i], expected[i]);
        assert_int_equal(as_names_find(&names, expected[i], (int64_t)strlen(expected[i])), i);
    }
    assert_int_equal(as_names_find(&names, "weste", 5), -1);
    assert_int_equal(as_names_find(&names, "x", 1), -1);
    as_names_free(&names);
    assert_int_equal(as_names_find(&names, "x", 1), -1);
}

static void test_names_read_back_from_their_lines(void **state)
{
    (void)state;
    as_names names = {0}, back = {0};
    as_text text = {0};
    assert_ok(as_names_add(&names, "a b", 3));
    assert_ok(as_names_add(&names, "", 0));
    assert_ok(as_names_add(&names, "two\nlines\t", 10));
    as_names_write(&names, &text);
    assert_string_equal(text.data, "a b\n\ntwo lines \n");
    assert_ok(as_names_read(text.data, &back));
    assert_int_equal(back.n, 3);
    assert_string_equal(back.name[2], "two lines ");
    as_names_free(&names);
    as_names_free(&back);
    as_text_free(&text);
}

static void test_parts_name_their_elements(void **state)
{
    (void)state;
    char name[AS_PART_NAME_MAX];
    as_data_parts parts = {0}, back = {0};
    const as_shape one = {0}, grid = {.rank = 2, .dim = {2, 3}};
    assert_string_equal(as_parts_name(&parts, 4, "x", name), "x4");
    assert_ok(as_parts_add(&parts, "age", &one));
    assert_ok(as_parts_add(&parts, "u", &grid));
    assert_ok(as_parts_add(&parts, "a\tb", &one));
    assert_int_equal(as_parts_width(&parts), 8);
    assert_string_equal(as_parts_name(&parts, 0, "x", name), "age");
    assert_string_equal(as_parts_name(&parts, 1, "x", name), "u[0]");
    assert_string_equal(as_parts_name(&parts, 6, "x", name), "u[5]");
    assert_string_equal(as_parts_name(&parts, 7, "x", name), "a b");
    assert_string_equal(as_parts_name(&parts, 8, "x", name), "x8");
    as_text text = {0};
    as_parts_write(&parts, &text);
    assert_string_equal(text.data, "age\nu\t2\t3\na b\n");
    assert_ok(as_parts_read(text.data, &back));
    assert_int_equal(back.n, 3);
    assert_int_equal(back.part[1].shape.dim[1], 3);
    assert_int_equal(back.part[2].first, 7);
    as_parts_free(&back);
    static const char *const wrong[] = {"u\t0\n", "u\t\n", "u\tx\n", "u\t1\t1\t1\t1\t1\t1\t1\n",
                                        "u\t4611686018427387904\t4\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(as_parts_read(wrong[i], &back), AS_DATA);
        as_parts_free(&back);
    }
    as_parts_free(&parts);
    as_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insertions_ascend_without_doubles),
        cmocka_unit_test(test_names_read_back_from_their_lines),
        cmocka_unit_test(test_parts_name_their_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
