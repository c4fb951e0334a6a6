/* Tall-skinny QR: any cut into parts gives the triangle of the whole; every instruction set gives the same bits;
   Longley's and graded columns keep their digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "math/dense.h"
#include "math/tsqr.h"

static double entry(int64_t i, int64_t j)
{
    return sin(1.0 + 3.0 * (double)i + 7.0 * (double)j + 0.37 * (double)(i * j)) * (j % 3 == 2 ? 1e-6 : 1) +
           (j == 1 ? 40 : 0);
}

/* Triangle of rows [first, last), folded in chunks, to r (n, n). */
static void part(as_tsqr *t, int64_t n, int64_t first, int64_t last, double *r)
{
    memset(r, 0, (size_t)(n * n) * sizeof *r);
    const int64_t most = as_tsqr_rows(n);
    for (int64_t at = first; at < last; at += most) {
        const int64_t rows = last - at < most ? last - at : most;
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t j = 0; j < n; j++) {
                t->chunk[i * n + j] = entry(at + i, j);
            }
        }
        as_tsqr_fold(t, rows, r);
    }
}

static double *oracle(int64_t rows, int64_t n)
{
    double *const a = calloc((size_t)(rows * n) + 1, sizeof *a), *const r = calloc((size_t)(n * n), sizeof *r);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < n; j++) {
            a[i * n + j] = entry(i, j);
        }
    }
    assert_int_equal(as_dense_qr(rows, n, 0, a, n), AS_OK);
    memcpy(r, a, (size_t)((rows < n ? rows : n) * n) * sizeof *r);
    free(a);
    return r;
}

/* Columnwise |R - S| <= tolerance * length of the column. */
static void assert_same_triangle(int64_t n, const double *found, const double *expected, double tolerance)
{
    for (int64_t j = 0; j < n; j++) {
        double length = 0;
        for (int64_t i = 0; i <= j; i++) {
            length += expected[i * n + j] * expected[i * n + j];
        }
        for (int64_t i = 0; i < n; i++) {
            if (!(fabs(found[i * n + j] - expected[i * n + j]) <= tolerance * sqrt(length))) {
                fail_msg("R(%d, %d): expected %.17g, found %.17g", (int)i, (int)j, expected[i * n + j],
                         found[i * n + j]);
            }
        }
    }
}

/* Backward error of each is about rows eps; the triangle moves by that times the condition of its leading columns,
   below 100 here where rows are no fewer than columns. */
static void test_parts_give_the_triangle_of_the_whole(void **state)
{
    (void)state;
    static const int64_t columns[] = {1, 3, 4, 5, 16, 17, 33, 100};
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        const int64_t n = columns[c], whole = as_tsqr_rows(n);
        const int64_t extents[] = {1, n, 2 * n + 3, n < 20 ? whole + 7 : 301};
        as_tsqr t;
        assert_int_equal(as_tsqr_create(n, as_tsqr_rows(n), as_kernels_get(as_isa_detect(), AS_FLOAT64), &t), AS_OK);
        double *const a = malloc((size_t)(n * n) * sizeof *a), *const b = malloc((size_t)(n * n) * sizeof *b);
        for (size_t e = 0; e < 4; e++) {
            const int64_t rows = extents[e];
            double *const expected = oracle(rows, n);
            part(&t, n, 0, rows, a);
            as_tsqr_finish(n, a);
            assert_same_triangle(n, a, expected, 1e-12);
            part(&t, n, 0, rows / 3, a); /* two parts, then an empty one, then one row */
            part(&t, n, rows / 3, rows - 1, b);
            as_tsqr_merge(&t, a, b);
            part(&t, n, 5, 5, b);
            as_tsqr_merge(&t, a, b);
            part(&t, n, rows - 1, rows, b);
            as_tsqr_merge(&t, b, a);
            as_tsqr_finish(n, b);
            assert_same_triangle(n, b, expected, 1e-12);
            free(expected);
        }
        as_tsqr_destroy(&t);
        free(a);
        free(b);
    }
}

static void test_instruction_sets_agree(void **state)
{
    (void)state;
    enum { N = 37, ROWS = 150 };
    double *r[3] = {NULL};
    int found = 0;
    for (as_isa isa = as_isa_detect(); isa <= AS_PORTABLE; isa++, found++) {
        as_tsqr t;
        double second[N * N];
        assert_int_equal(as_tsqr_create(N, 160, as_kernels_get(isa, AS_FLOAT64), &t), AS_OK);
        r[found] = calloc(N * N, sizeof(double));
        part(&t, N, 0, ROWS, r[found]);
        part(&t, N, ROWS, ROWS + 20, second);
        as_tsqr_merge(&t, r[found], second);
        as_tsqr_destroy(&t);
        assert_memory_equal(r[found], r[0], N * N * sizeof(double));
    }
    for (int i = 0; i < found; i++) {
        free(r[i]);
    }
}

/* [1, x] with x = 1e8 + i / 16: the sum of squares loses all of the spread, the triangle only the half that x has lost.
 */
static void test_a_distant_column_keeps_its_spread(void **state)
{
    (void)state;
    enum { ROWS = 1000 };
    as_tsqr t;
    double r[4] = {0};
    assert_int_equal(as_tsqr_create(2, ROWS, as_kernels_get(as_isa_detect(), AS_FLOAT64), &t), AS_OK);
    for (int i = 0; i < ROWS; i++) {
        t.chunk[2 * i] = 1;
        t.chunk[2 * i + 1] = 1e8 + i / 16.0;
    }
    as_tsqr_fold(&t, ROWS, r);
    as_tsqr_finish(2, r);
    const double spread = sqrt((double)ROWS * ((double)ROWS * ROWS - 1) / 12) / 16;
    assert_true(fabs(r[3] / spread - 1) < 1e8 * 16 / spread * 1000 * DBL_EPSILON);
    as_tsqr_destroy(&t);
}

/* Columns of zeros and equal columns: no NaN, and R'R is still A'A. */
static void test_dependent_columns_do_no_harm(void **state)
{
    (void)state;
    enum { N = 21, ROWS = 60 };
    as_tsqr t;
    double r[N * N] = {0}, gram[N * N] = {0};
    assert_int_equal(as_tsqr_create(N, 160, as_kernels_get(as_isa_detect(), AS_FLOAT64), &t), AS_OK);
    for (int i = 0; i < ROWS; i++) {
        double *const row = t.chunk + i * N;
        for (int j = 0; j < N; j++) {
            row[j] = j == 5 ? 0 : j == 18 ? entry(i, 3) : entry(i, j);
        }
        for (int j = 0; j < N * N; j++) {
            gram[j] += row[j / N] * row[j % N];
        }
    }
    as_tsqr_fold(&t, ROWS, r);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) {
                sum += r[k * N + i] * r[k * N + j];
            }
            assert_true(fabs(sum - gram[i * N + j]) <= 1e-14 * ROWS * sqrt(gram[i * N + i] * gram[j * N + j]));
        }
    }
    assert_true(fabs(r[18 * N + 18]) < 1e-13);
    as_tsqr_destroy(&t);
}

/* Few rows of many columns: R has as many rows, and below them nothing, where reflectors of what rounding leaves would
   go on and on. R'R = A'A to rounding of the columns. */
static void test_fewer_rows_than_columns_end(void **state)
{
    (void)state;
    enum { N = 300, ROWS = 8 };
    as_tsqr t;
    assert_int_equal(as_tsqr_create(N, N, as_kernels_get(as_isa_detect(), AS_FLOAT64), &t), AS_OK);
    double *const r = calloc((size_t)N * N, sizeof *r), *const other = calloc((size_t)N * N, sizeof *r);
    part(&t, N, 0, ROWS, r);
    part(&t, N, ROWS, 2 * ROWS, other);
    as_tsqr_merge(&t, r, other);
    for (int i = 0; i < N; i++) {
        for (int j = i; j < N; j++) {
            double found = 0, expected = 0, left = 0, right = 0;
            for (int q = 0; q < N; q++) {
                found += r[q * N + i] * r[q * N + j];
            }
            for (int q = 0; q < 2 * ROWS; q++) {
                expected += entry(q, i) * entry(q, j);
                left += entry(q, i) * entry(q, i);
                right += entry(q, j) * entry(q, j);
            }
            assert_true(fabs(found - expected) <= 2e-14 * sqrt(left) * sqrt(right));
            assert_true(i < 64 || r[i * N + j] == 0); /* two panels, that are looked at when they are done */
        }
    }
    as_tsqr_destroy(&t);
    free(r);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_give_the_triangle_of_the_whole),
        cmocka_unit_test(test_instruction_sets_agree),
        cmocka_unit_test(test_a_distant_column_keeps_its_spread),
        cmocka_unit_test(test_dependent_columns_do_no_harm),
        cmocka_unit_test(test_fewer_rows_than_columns_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
