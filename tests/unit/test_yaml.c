/* The YAML subset: what is read, and what is refused, with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/yaml.h"

static as_document *document;

static int open_document(void **state)
{
    (void)state;
    return as_document_create(&document) == AS_OK ? 0 : -1;
}

static int close_document(void **state)
{
    (void)state;
    as_document_destroy(&document);
    return 0;
}

static void test_values(void **state)
{
    (void)state;
    as_node *root = NULL;
    const char *text =
        "\xEF\xBB\xBF# comment\na: 1\nb: \"q\\\"\\u00e9\"\nc: 'it''s'\nd: [x, 2, {e: f}]\nn: ~\nm: null\n"
        "s: 'null'\ne: ''\nw: |\n  two\n  lines\nno: yes\n";
    assert_int_equal(as_yaml_parse(document, "t", text, &root), AS_OK);
    assert_int_equal(root->kind, AS_NODE_MAP);
    assert_int_equal(root->count, 10);
    assert_string_equal(as_node_get(root, "a")->text, "1");
    assert_false(as_node_get(root, "a")->quoted);
    assert_string_equal(as_node_get(root, "b")->text, "q\"\xc3\xa9");
    assert_true(as_node_get(root, "b")->quoted);
    assert_string_equal(as_node_get(root, "c")->text, "it's");
    const as_node *d = as_node_get(root, "d");
    assert_int_equal(d->kind, AS_NODE_LIST);
    assert_int_equal(d->count, 3);
    assert_int_equal(d->line, 5);
    assert_int_equal(d->column, 4);
    assert_string_equal(as_node_get(d->item[2], "e")->text, "f");
    assert_int_equal(as_node_get(root, "n")->kind, AS_NODE_NULL);
    assert_int_equal(as_node_get(root, "m")->kind, AS_NODE_NULL);
    assert_int_equal(as_node_get(root, "s")->kind, AS_NODE_SCALAR);
    assert_int_equal(as_node_get(root, "e")->kind, AS_NODE_SCALAR);
    assert_string_equal(as_node_get(root, "w")->text, "two\nlines\n");
    assert_string_equal(as_node_get(root, "no")->text, "yes");
}

static void test_empty(void **state)
{
    (void)state;
    as_node *root = NULL;
    static const char *const texts[] = {"", "\n\n", "# nothing\n", "---\n", "--- ~\n...\n"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(as_yaml_parse(document, "t", texts[i], &root), AS_OK);
        assert_int_equal(root->kind, AS_NODE_NULL);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message; /* the message begins so */
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "t:3:1: duplicate key 'a' (first in line 1)"},
        {"a: &x 1\n", "t:1:4: anchors (&) are not supported"},
        {"a: &x [1]\nb: *x\n", "t:1:4: anchors (&) are not supported"},
        {"a: *x\n", "t:1:4: aliases (*) are not supported"},
        {"a: !!int 1\n", "t:1:4: tags (!) are not supported"},
        {"a: !foo {b: 1}\n", "t:1:4: tags (!) are not supported"},
        {"a: 1\n---\nb: 2\n", "t:2:1: a second document"},
        {"a: [1, 2\nb: 3\n", "t:2:2: did not find expected ',' or ']'"},
        {"a: 1\n b: 2\n", "t:2:3: mapping values are not allowed in this context"},
        {"a:\n\t- 1\n", "t:2:1: expected spaces before the first word of a line, found a tab"},
        {"a: @\n", "t:1:4: found character that cannot start any token"},
        {"\xEF\xBB\xBF[a]: 1\n", "t:1:1: a key must be a name"}, /* the mark is no column */
        {"[a]: 1\n", "t:1:1: a key must be a name"},
        {"? {a: 1}\n: 2\n", "t:1:3: a key must be a name"},
        {"'': 1\n", "t:1:1: empty key"},
        {"a: \"x\\0y\"\n", "t:1:4: control character 0x00 in a text"},
        {"a: \"x\\ey\"\n", "t:1:4: control character 0x1b in a text"},
        {"a: b\n\xc3\xa9: \x01\n", "t:2:4: control character 0x01"},
        {"a: \x7f\n", "t:1:4: control character 0x7f"},
        {"a: \xff\xfe\n", "t: byte 3: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        as_node *root = NULL;
        assert_int_equal(as_yaml_parse(document, "t", cases[i].text, &root), AS_CONFIG);
        if (strncmp(as_error_message(), cases[i].message, strlen(cases[i].message)) != 0) {
            fail_msg("expected '%s', found '%s'", cases[i].message, as_error_message());
        }
    }
}

static void test_depth_and_keys_are_bounded(void **state)
{
    (void)state;
    as_node *root = NULL;
    char *text = malloc(1 << 20);
    memset(text, '[', 100000);
    text[100000] = '\0';
    assert_int_equal(as_yaml_parse(document, "t", text, &root), AS_CONFIG);
    assert_non_null(strstr(as_error_message(), "nested deeper"));
    size_t n = 0;
    for (int i = 0; i < 5000; i++) {
        n += (size_t)sprintf(text + n, "k%d: 1\n", i);
    }
    assert_int_equal(as_yaml_parse(document, "t", text, &root), AS_CONFIG);
    assert_non_null(strstr(as_error_message(), "keys in one map"));
    free(text);
}

static void test_files(void **state)
{
    (void)state;
    as_node *root = NULL;
    const char *path = TEST_SCRATCH "/test_yaml.yaml";
    assert_int_equal(as_yaml_read(document, TEST_SCRATCH "/absent.yaml", &root), AS_NOINPUT);
    assert_non_null(strstr(as_error_message(), "absent.yaml: cannot open: No such file"));
    assert_int_equal(as_yaml_read(document, TEST_SCRATCH, &root), AS_NOINPUT);

    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite("a: 1\nb\0: 2\n", 1, 11, file), 11);
    fclose(file);
    assert_int_equal(as_yaml_read(document, path, &root), AS_CONFIG);
    assert_non_null(strstr(as_error_message(), ":2:2: control character 0x00"));

    file = fopen(path, "wb");
    for (int i = 0; i < (1 << 18) + 1; i++) {
        fputs("# x\n", file);
    }
    fclose(file);
    assert_int_equal(as_yaml_read(document, path, &root), AS_CONFIG);
    assert_non_null(strstr(as_error_message(), "larger than 1048576 bytes"));
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_empty, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_refused, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_depth_and_keys_are_bounded, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_files, open_document, close_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
