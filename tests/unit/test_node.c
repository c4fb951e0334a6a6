/* Documents and node trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/node.h"
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
    return document == NULL ? 0 : -1;
}

static as_node *parse(const char *text)
{
    as_node *node = NULL;
    assert_int_equal(as_yaml_parse(document, "t.yaml", text, &node), AS_OK);
    return node;
}

static as_node *scalar(const char *text)
{
    as_node *node = as_node_create(document, AS_NODE_SCALAR, "--set", 0, 0);
    node->text = text;
    return node;
}

static void test_alloc_is_zeroed_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 17, 4000, 100000, 3};
    for (int i = 0; i < 7; i++) {
        unsigned char *p = as_document_alloc(document, sizes[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(p[j], 0);
            p[j] = 0xFF;
        }
    }
    assert_null(as_document_alloc(document, SIZE_MAX));
}

static void test_append_and_get(void **state)
{
    (void)state;
    as_node *map = as_node_create(document, AS_NODE_MAP, "f", 1, 1);
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(as_node_append(document, map, key, i + 1, 1, scalar("v")), AS_OK);
    }
    assert_int_equal(map->count, 100);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_ptr_equal(as_node_get(map, key), map->item[i]);
        assert_int_equal(map->key_line[i], i + 1);
    }
    assert_null(as_node_get(map, "k"));
    assert_null(as_node_get(NULL, "k1"));
    assert_null(as_node_get(map->item[0], "k1"));
}

static void test_place(void **state)
{
    (void)state;
    const as_node *node = parse("a:\n  b: c\n");
    assert_string_equal(as_node_place(as_node_get(as_node_get(node, "a"), "b")), "t.yaml:2:6");
    assert_string_equal(as_node_place(scalar("x")), "--set");
    assert_string_equal(as_node_place(NULL), "configuration");
    const char *first = as_node_place(node); /* valid until the fourth next call */
    as_node_place(NULL);
    as_node_place(NULL);
    as_node_place(NULL);
    assert_string_equal(first, "t.yaml:1:1");
}

static void test_set_path(void **state)
{
    (void)state;
    as_node *root = parse("a: {b: 1}\nl:\n  - x: {u: 1}\n  - y\n");
    assert_int_equal(as_node_set_path(document, root, "a.b", scalar("2")), AS_OK);
    assert_string_equal(as_node_get(as_node_get(root, "a"), "b")->text, "2");
    assert_int_equal(as_node_set_path(document, root, "a.c.d", scalar("3")), AS_OK);
    assert_string_equal(as_node_get(as_node_get(as_node_get(root, "a"), "c"), "d")->text, "3");
    assert_int_equal(as_node_set_path(document, root, "l.0.x.u", scalar("4")), AS_OK);
    assert_string_equal(as_node_get(as_node_get(as_node_get(root, "l")->item[0], "x"), "u")->text, "4");
    assert_int_equal(as_node_set_path(document, root, "l.1", scalar("z")), AS_OK);
    assert_string_equal(as_node_get(root, "l")->item[1]->text, "z");
    as_node *empty = parse("");
    assert_int_equal(as_node_set_path(document, empty, "a.b", scalar("1")), AS_OK);
    assert_string_equal(as_node_get(as_node_get(empty, "a"), "b")->text, "1");
}

static void test_set_path_errors(void **state)
{
    (void)state;
    as_node *root = parse("a: {b: 1}\nl: [1, 2]\n");
    static const struct {
        const char *path, *message;
    } cases[] = {
        {"a.b.c", "--set: cannot set a.b.c: '1' (t.yaml:1:8) is a single value, not a map"},
        {"l.2", "--set: l.2: '2' is no index of a list of 2 items (0 to 1)"},
        {"l.-1", "--set: l.-1: '-1' is no index of a list of 2 items (0 to 1)"},
        {"l.x", "--set: l.x: 'x' is no index of a list of 2 items (0 to 1)"},
        {"", "--set: '' is no key path: expected names joined by dots"},
        {"a..b", "--set: 'a..b' is no key path: expected names joined by dots"},
        {"a.", "--set: 'a.' is no key path: expected names joined by dots"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(as_node_set_path(document, root, cases[i].path, scalar("9")), AS_CONFIG);
        assert_string_equal(as_error_message(), cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_alloc_is_zeroed_and_aligned, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_append_and_get, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_place, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_set_path, open_document, close_document),
        cmocka_unit_test_setup_teardown(test_set_path_errors, open_document, close_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
