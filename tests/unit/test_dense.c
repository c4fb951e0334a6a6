/* Small dense algebra: factors reproduce what they are made from, spectra are those of closed forms and of a reference
   in 60 digits, dependent columns are found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "base/rng.h"
#include "math/dense.h"
#include "reference/dense.h"

static void assert_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("expected %.17g, found %.17g: apart by %g, allowed %g", expected, found, fabs(found - expected),
                 tolerance);
    }
}

static double entry(int64_t i, int64_t j)
{
    return sin(1.0 + 3.0 * (double)i + 7.0 * (double)j + 5.0 * (double)(i * j));
}

static double *matrix(int64_t m, int64_t n)
{
    double *const a = calloc((size_t)(m * n) + 1, sizeof *a);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            a[i * n + j] = entry(i, j);
        }
    }
    return a;
}

/* R'R = A'A, R upper with diagonal >= 0; Q' of the identity beside it gives Q R = A. */
static void test_qr_reproduces_its_matrix(void **state)
{
    (void)state;
    static const int64_t shapes[][2] = {{1, 1}, {5, 1}, {1, 4}, {3, 7}, {7, 3}, {20, 20}, {50, 13}, {0, 3}};
    for (size_t t = 0; t < sizeof shapes / sizeof shapes[0]; t++) {
        const int64_t m = shapes[t][0], n = shapes[t][1], ld = n + m + 2;
        double *const a = calloc((size_t)(m * ld) + 1, sizeof *a);
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < n; j++) {
                a[i * ld + j] = entry(i, j);
            }
            a[i * ld + n + i] = 1;
        }
        assert_int_equal(as_dense_qr(m, n, m, a, ld), AS_OK);
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < n && j < i; j++) {
                assert_true(a[i * ld + j] == 0);
            }
            assert_true(i >= n || a[i * ld + i] >= 0);
            for (int64_t j = 0; j < n; j++) {
                double sum = 0; /* A = Q R: Q (i, k) = Q' (k, i) */
                for (int64_t k = 0; k < m; k++) {
                    sum += a[k * ld + n + i] * a[k * ld + j];
                }
                assert_near(sum, entry(i, j), 1e-14 * 8 * (double)n);
            }
        }
        free(a);
    }
}

static void test_triangles_solve_and_invert(void **state)
{
    (void)state;
    enum { N = 23 };
    double r[N * N], inverse[N * N], x[N], y[N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            r[i * N + j] = j < i ? (double)NAN : j == i ? 2 + entry(i, i) : entry(i, j) / 4; /* below is not read */
        }
        x[i] = y[i] = entry(3, i);
    }
    as_dense_solve_upper(N, r, N, x);
    as_dense_solve_upper_transposed(N, r, N, y);
    as_dense_invert_upper(N, r, N, inverse);
    for (int i = 0; i < N; i++) {
        double sum = 0, across = 0;
        for (int j = i; j < N; j++) {
            sum += r[i * N + j] * x[j];
        }
        for (int j = 0; j <= i; j++) {
            across += r[j * N + i] * y[j];
        }
        assert_near(sum, entry(3, i), 1e-13);
        assert_near(across, entry(3, i), 1e-13);
        for (int j = 0; j < N; j++) {
            double unit = 0;
            for (int k = i; k < N; k++) {
                unit += r[i * N + k] * inverse[k * N + j];
            }
            assert_near(unit, i == j, 1e-13);
        }
    }
}

static void test_cholesky_reports_the_rank(void **state)
{
    (void)state;
    enum { N = 12, M = 30 };
    double *const x = matrix(M, N), a[N * N], r[N * N];
    for (int i = 0; i < M; i++) {
        x[i * N + 4] = 2 * x[i * N + 1] - x[i * N + 3]; /* column 4 depends on earlier ones */
        x[i * N + 7] = 0;
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i * N + j] = 0;
            for (int k = 0; k < M; k++) {
                a[i * N + j] += x[k * N + i] * x[k * N + j];
            }
        }
    }
    memcpy(r, a, sizeof r);
    bool dependent[N];
    assert_int_equal(as_dense_cholesky(N, r, 1e-12, dependent), N - 2);
    for (int i = 0; i < N; i++) {
        assert_int_equal(dependent[i], i == 4 || i == 7);
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) {
                sum += r[k * N + i] * r[k * N + j];
            }
            assert_near(sum, a[i * N + j], 1e-13 * M);
            assert_true(j >= i || r[i * N + j] == 0);
        }
    }
    double bad[4] = {1, 2, 2, NAN};
    assert_int_equal(as_dense_cholesky(2, bad, 0, dependent), 1);
    assert_true(dependent[1] && bad[3] == 0);
    free(x);
}

/* min(i, j) has the eigenvalues 1 / (4 sin^2((2k - 1) pi / (4n + 2))), k = 1..n. */
static void test_eigenvalues_of_a_closed_form(void **state)
{
    (void)state;
    static const int64_t orders[] = {1, 2, 3, 17, 64};
    for (size_t t = 0; t < sizeof orders / sizeof orders[0]; t++) {
        const int64_t n = orders[t];
        double *const a = calloc((size_t)(n * n), sizeof *a), *const v = calloc((size_t)(n * n), sizeof *v);
        double value[64];
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < n; j++) {
                a[i * n + j] = (double)(i < j ? i + 1 : j + 1);
            }
        }
        assert_int_equal(as_dense_eigen(n, a, value, v), AS_OK);
        for (int64_t k = 0; k < n; k++) {
            const double s = sin((2.0 * (double)k + 1) * 3.14159265358979323846 / (4.0 * (double)n + 2));
            assert_near(value[k], 1 / (4 * s * s), 20 * DBL_EPSILON * value[0]);
            double largest = 0, signed_largest = 0;
            for (int64_t i = 0; i < n; i++) {
                double y = 0, dot = 0;
                for (int64_t j = 0; j < n; j++) {
                    y += (double)(i < j ? i + 1 : j + 1) * v[k * n + j];
                    dot += v[k * n + j] * v[i * n + j];
                }
                assert_near(y, value[k] * v[k * n + i], 40 * DBL_EPSILON * value[0]);
                assert_near(dot, i == k, 1e-13);
                if (fabs(v[k * n + i]) > largest) {
                    largest = fabs(v[k * n + i]), signed_largest = v[k * n + i];
                }
            }
            assert_true(signed_largest > 0);
        }
        free(a);
        free(v);
    }
    double bad[4] = {1, NAN, NAN, 1}, value[2];
    assert_int_equal(as_dense_eigen(2, bad, value, NULL), AS_DIVERGED);
}

/* Curvature of a softmax layer, sum over rows of x x' (x) (diag p - p p'), with few rows and inputs that are mostly
   zero: most eigenvalues are rounding errors, which must not keep the search going; the sum of all is the trace. */
static void test_eigenvalues_without_full_rank(void **state)
{
    (void)state;
    enum { INPUTS = 40, CLASSES = 10, ORDER = INPUTS * CLASSES, ROWS = 60 };
    double *const a = calloc(ORDER * ORDER, sizeof *a), *const v = calloc(ORDER * ORDER, sizeof *v);
    double value[ORDER], trace = 0, sum = 0;
    for (int r = 0; r < ROWS; r++) {
        double x[INPUTS], p[CLASSES], total = 0;
        uint32_t word[4];
        for (int j = 0; j < INPUTS; j++) {
            as_rng_words(1, AS_RNG_TEST, (uint32_t)r, 0, (uint64_t)j, word);
            x[j] = j % 4 != 0 || word[2] % 3 == 0 ? 0 : 16 * as_rng_uniform_f64(word[0], word[1]);
        }
        for (int k = 0; k < CLASSES; k++) {
            as_rng_words(1, AS_RNG_TEST, (uint32_t)r, 1, (uint64_t)k, word);
            p[k] = exp(40 * as_rng_uniform_f64(word[0], word[1]));
            total += p[k];
        }
        for (int i = 0; i < ORDER; i++) {
            for (int j = 0; j < ORDER; j++) {
                const double q = p[i % CLASSES] / total, own = i % CLASSES == j % CLASSES ? q : 0;
                a[i * ORDER + j] += x[i / CLASSES] * x[j / CLASSES] * (own - q * p[j % CLASSES] / total);
            }
        }
    }
    for (int i = 0; i < ORDER; i++) {
        trace += a[i * ORDER + i];
    }
    assert_int_equal(as_dense_eigen(ORDER, a, value, v), AS_OK);
    for (int k = 0; k < ORDER; k++) {
        sum += value[k];
        assert_true(k < ORDER / 2 || fabs(value[k]) <= ORDER * DBL_EPSILON * value[0]);
    }
    assert_near(sum, trace, ORDER * DBL_EPSILON * trace);
    free(a);
    free(v);
}

/* A = U S V' with orthonormal V whatever the rank; U' by the identity beside A. */
static void check_svd(int64_t m, int64_t n, const double *a, double *value)
{
    const int64_t ld = n + m;
    double *const w = calloc((size_t)(m * ld), sizeof *w), *const v = calloc((size_t)(n * n), sizeof *v);
    double *const u = calloc((size_t)(n * m), sizeof *u);
    for (int64_t i = 0; i < m; i++) {
        memcpy(w + i * ld, a + i * n, (size_t)n * sizeof *w);
        w[i * ld + n + i] = 1;
    }
    assert_int_equal(as_dense_svd(m, n, m, w, ld, value, v, u), AS_OK);
    for (int64_t i = 0; i < n; i++) {
        assert_true(i == 0 || value[i] <= value[i - 1]);
        for (int64_t j = 0; j < n; j++) {
            double dot = 0;
            for (int64_t k = 0; k < n; k++) {
                dot += v[i * n + k] * v[j * n + k];
            }
            assert_near(dot, i == j, 1e-13);
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double dot = 0;
            for (int64_t k = 0; k < m; k++) {
                dot += u[i * m + k] * u[j * m + k];
            }
            assert_near(dot, i == j, 1e-13);
        }
    }
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++) {
                sum += u[k * m + i] * value[k] * v[k * n + j];
            }
            assert_near(sum, a[i * n + j], 1e-14 * (double)n * value[0]);
        }
    }
    free(w);
    free(v);
    free(u);
}

static void test_singular_values_rebuild_the_matrix(void **state)
{
    (void)state;
    static const int64_t shapes[][2] = {{1, 1}, {4, 1}, {3, 3}, {9, 6}, {40, 31}};
    for (size_t t = 0; t < sizeof shapes / sizeof shapes[0]; t++) {
        const int64_t m = shapes[t][0], n = shapes[t][1];
        double *const a = matrix(m, n), value[40];
        check_svd(m, n, a, value);
        for (int64_t i = 0; i < m && n > 2; i++) { /* a zero column and an equal one */
            a[i * n + 1] = 0;
            a[i * n + 2] = a[i * n];
        }
        check_svd(m, n, a, value);
        assert_true(n <= 2 || value[n - 1] <= 1e-15 * value[0]);
        memset(a, 0, (size_t)(m * n) * sizeof *a);
        check_svd(m, n, a, value);
        free(a);
    }
    double bad[1] = {NAN}, value[1], v[1];
    assert_int_equal(as_dense_svd(1, 1, 0, bad, 1, value, v, NULL), AS_DIVERGED);
}

/* One-sided Jacobi finds singular values over 30 orders of magnitude, each to its own digits: the bound is
   n eps times the condition of the scaled matrix, here below 100. Values of 1e+-200 neither overflow nor vanish. */
static void test_graded_singular_values_keep_their_digits(void **state)
{
    (void)state;
    const struct {
        int64_t m, n, grade;
        const double *expected;
    } cases[] = {{9, 6, 16, graded_columns}, {6, 6, -16, graded_rows}, {7, 5, 0, graded_plain}};
    for (size_t t = 0; t < 3; t++) {
        for (int scale = -650; scale <= 650; scale += 650) {
            const int64_t m = cases[t].m, n = cases[t].n;
            double a[54], value[6], v[36];
            for (int64_t i = 0; i < m; i++) {
                for (int64_t j = 0; j < n; j++) {
                    const int64_t power = cases[t].grade > 0 ? -cases[t].grade * j : cases[t].grade * i;
                    a[i * n + j] = ldexp(nearbyint(entry(i, j) * 0x1p20), (int)power - 20 + scale);
                }
            }
            assert_int_equal(as_dense_svd(m, n, 0, a, n, value, v, NULL), AS_OK);
            for (int64_t k = 0; k < n; k++) {
                const double expected = ldexp(cases[t].expected[k], scale);
                assert_near(value[k] / expected, 1, 1e-13);
            }
        }
    }
}

static void test_dependent_columns_are_named(void **state)
{
    (void)state;
    enum { M = 15, N = 7 };
    double *const a = matrix(M, N), relation[N * N];
    bool dependent[N], identified[N];
    int64_t rank;
    for (int i = 0; i < M; i++) {
        a[i * N] = 1;
        a[i * N + 3] = 5;                                                   /* constant: 5 times column 0 */
        a[i * N + 5] = 1e9 * (2 * a[i * N + 1] - 0.5 * a[i * N + 2]) + 1e9; /* on columns 0, 1, 2 */
        a[i * N + 6] *= 1e-12;                                              /* short, but not dependent */
    }
    assert_int_equal(as_dense_dependence(M, N, a, N, 1e-12, &rank, dependent, identified, relation), AS_OK);
    assert_int_equal(rank, N - 2);
    for (int j = 0; j < N; j++) {
        assert_int_equal(dependent[j], j == 3 || j == 5);
        assert_int_equal(identified[j], j == 4 || j == 6);
    }
    const double expected3[N] = {5}, expected5[N] = {1e9, 2e9, -0.5e9};
    for (int j = 0; j < N; j++) {
        assert_near(relation[3 * N + j], expected3[j], 1e-13);
        assert_near(relation[5 * N + j], expected5[j], 1e-3);
    }
    /* Fewer rows than columns: what comes after `rows` independent columns depends on them. */
    assert_int_equal(as_dense_dependence(2, N, a, N, 1e-12, &rank, dependent, identified, relation), AS_OK);
    assert_int_equal(rank, 2);
    /* A column of zeros depends on nothing. */
    for (int i = 0; i < M; i++) {
        a[i * N] = 0;
    }
    assert_int_equal(as_dense_dependence(M, N, a, N, 1e-12, &rank, dependent, identified, relation), AS_OK);
    assert_true(dependent[0] && !identified[0] && identified[4]);
    free(a);
}

/* Values are those of Jacobi's method, n eps of the largest; a solution has no slope left: A'(A x - y) + root^2 x is
   rounding of its terms. Without full rank too. */
static void test_the_bidiagonal_form_has_values_and_solutions(void **state)
{
    (void)state;
    static const int64_t orders[] = {1, 2, 3, 17, 70};
    for (size_t t = 0; t < 10; t++) {
        const int64_t n = orders[t / 2], ld = n + 2;
        double *const a = matrix(n, ld), *const w = matrix(n, ld), *const square = matrix(n, n);
        double value[70], expected[70], right[70 * 70], x[70];
        for (int64_t i = 0; i < n && t % 2 == 1; i++) { /* an equal column */
            a[i * ld + n - 1] = w[i * ld + n - 1] = a[i * ld];
        }
        for (int64_t i = 0; i < n; i++) {
            memcpy(square + i * n, a + i * ld, (size_t)n * sizeof *a);
        }
        as_bidiagonal b;
        assert_int_equal(as_bidiagonal_make(n, 2, w, ld, &b), AS_OK);
        assert_int_equal(as_bidiagonal_values(&b, value), AS_OK);
        assert_int_equal(as_dense_svd(n, n, 0, square, n, expected, right, NULL), AS_OK);
        for (int64_t k = 0; k < n; k++) {
            assert_near(value[k], expected[k], 4e-16 * (double)n * expected[0]);
        }
        for (int64_t y = 0; y < 2; y++) {
            double residual, sum = 0, slope[70] = {0};
            as_bidiagonal_solve(&b, y, 0.3, x, &residual);
            for (int64_t i = 0; i < n; i++) {
                double e = -a[i * ld + n + y];
                for (int64_t j = 0; j < n; j++) {
                    e += a[i * ld + j] * x[j];
                }
                sum += e * e;
                for (int64_t j = 0; j < n; j++) {
                    slope[j] += a[i * ld + j] * e;
                }
            }
            assert_near(residual, sum, 1e-13 * (double)n);
            for (int64_t j = 0; j < n; j++) {
                assert_near(slope[j] + 0.3 * 0.3 * x[j], 0, 1e-14 * (double)n * expected[0]);
            }
        }
        as_bidiagonal_destroy(&b);
        free(a);
        free(w);
        free(square);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qr_reproduces_its_matrix),
        cmocka_unit_test(test_triangles_solve_and_invert),
        cmocka_unit_test(test_cholesky_reports_the_rank),
        cmocka_unit_test(test_eigenvalues_of_a_closed_form),
        cmocka_unit_test(test_eigenvalues_without_full_rank),
        cmocka_unit_test(test_singular_values_rebuild_the_matrix),
        cmocka_unit_test(test_graded_singular_values_keep_their_digits),
        cmocka_unit_test(test_dependent_columns_are_named),
        cmocka_unit_test(test_the_bidiagonal_form_has_values_and_solutions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
