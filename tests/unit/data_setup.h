/* What the tests of the data room share: a world of one process, lanes of any rank, sources from configuration text. */
#ifndef TESTS_DATA_SETUP_H
#define TESTS_DATA_SETUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "comm/lanes.h"
#include "data/dataset.h"
#include "data/sampler.h"
#include "io/yaml.h"

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        const as_status assert_ok_ = (call);                                                                           \
        if (assert_ok_ != AS_OK) {                                                                                     \
            print_error("%s\n", as_error_message());                                                                   \
        }                                                                                                              \
        assert_int_equal(assert_ok_, AS_OK);                                                                           \
    } while (0)

/* The call fails with a code, and the message has a piece. */
#define assert_fails(code, piece, call)                                                                                \
    do {                                                                                                               \
        const as_status assert_fails_ = (call);                                                                        \
        assert_int_equal(assert_fails_, (code));                                                                       \
        if (strstr(as_error_message(), (piece)) == NULL) {                                                             \
            print_error("message: %s\n", as_error_message());                                                          \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

typedef struct data_setup {
    as_world *world;
    as_document *document;
} data_setup;

static inline int setup_begin(void **state)
{
    static data_setup s;
    const as_world_options options = {.launched = false};
    s = (data_setup){0};
    if (as_world_open(&options, &s.world) != AS_OK || as_document_create(&s.document) != AS_OK) {
        return -1;
    }
    *state = &s;
    return 0;
}

static inline int setup_end(void **state)
{
    data_setup *s = *state;
    as_document_destroy(&s->document);
    as_world_close(&s->world);
    return 0;
}

static inline as_status parse_data(data_setup *s, const char *yaml, as_data_options *out)
{
    as_node *node = NULL;
    AS_TRY(as_yaml_parse(s->document, "test", yaml, &node));
    return as_data_options_parse(s->document, node, out);
}

/* The lanes of one of several ranks, as far as the data room looks at them. */
static inline as_lanes lanes_of(int lanes, int ranks, int rank)
{
    as_lanes out = {.lanes = lanes};
    as_tree_share(lanes, ranks, rank, &out.first, &out.count);
    return out;
}

static inline void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    fclose(file);
}

#define SCRATCH(name) TEST_SCRATCH "/" name

#endif
