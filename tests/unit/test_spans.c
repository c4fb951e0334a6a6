/* Spans of elements against a plain row of flags: members, their numbers, and walks from anywhere to anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/spans.h"

enum { LAST = 103 };

typedef struct range {
    int64_t first, end;
} range;

static void mark(bool *in, range r, int64_t grain)
{
    for (int64_t i = 0; i < LAST; i++) {
        for (int64_t e = r.first; e < r.end; e++) {
            in[i] = in[i] || i / grain == e / grain;
        }
    }
}

static void check(const as_spans *spans, const bool *in)
{
    int64_t member[LAST + 1], n = 0;
    for (int64_t i = 0; i <= LAST; i++) {
        assert_int_equal(as_spans_before(spans, i), n);
        assert_int_equal(as_spans_have(spans, i), i < LAST && in[i]);
        if (i < LAST && in[i]) {
            member[n++] = i;
        }
    }
    assert_int_equal(spans->count, n);
    for (int r = 1; r < spans->n; r++) { /* they do not touch */
        assert_true(spans->span[r].first > spans->span[r - 1].first + spans->span[r - 1].count);
    }
    for (int64_t from = 0; from < n; from++) {
        for (int64_t to = from + 1; to <= n; to++) {
            int64_t first, steps = 0;
            for (int64_t i = from, length; i < to; i += length, steps++) {
                length = as_spans_next(spans, i, to, &first);
                assert_in_range(length, 1, to - i);
                for (int64_t k = 0; k < length; k++) {
                    assert_int_equal(first + k, member[i + k]);
                }
            }
            assert_in_range(steps, 1, spans->n);
        }
    }
}

static void test_members_are_those_of_a_row_of_flags(void **unused)
{
    (void)unused;
    static const struct {
        int n;
        range range[4];
    } cases[] = {{0, {{0, 0}}},
                 {1, {{5, 5}}},
                 {1, {{0, LAST}}},
                 {1, {{LAST - 1, LAST}}},
                 {2, {{0, 10}, {10, 20}}},
                 {4, {{1, 2}, {3, 4}, {40, 41}, {100, LAST}}},
                 {3, {{0, 30}, {5, 10}, {50, 50}}},
                 {4, {{7, 9}, {23, 24}, {24, 60}, {90, 91}}}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (int64_t grain = 1; grain <= 16; grain += 3) {
            as_spans spans = {0};
            bool in[LAST] = {false};
            for (int i = 0; i < cases[c].n; i++) {
                assert_int_equal(as_spans_add(&spans, cases[c].range[i].first, cases[c].range[i].end, grain, LAST), 0);
                mark(in, cases[c].range[i], grain);
            }
            check(&spans, in);
            as_spans_free(&spans);
        }
    }
}

static void test_many_runs(void **unused)
{
    (void)unused;
    as_spans spans = {0};
    bool in[LAST] = {false};
    for (int64_t i = 0; i < LAST; i += 2) {
        assert_int_equal(as_spans_add(&spans, i, i + 1, 1, LAST), 0);
        in[i] = true;
    }
    assert_int_equal(spans.n, (LAST + 1) / 2);
    check(&spans, in);
    as_spans_free(&spans);
    assert_int_equal(spans.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_those_of_a_row_of_flags),
        cmocka_unit_test(test_many_runs),
    };
    return cmocka_run_group_tests_name("spans", tests, NULL, NULL);
}
