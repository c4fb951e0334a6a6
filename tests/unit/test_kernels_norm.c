/* Normalisation equals its definition bit for bit, by rows and by channels, on every variant; and the definition has
   the gradients of its differences. */
#include "unit/kernel_cases.h"

#include "kernels/norm.h"

static void compare(const as_kernels *kernels, const void *found, const void *expected, int64_t n, const char *what,
                    int64_t extent)
{
    char both[96];
    snprintf(both, sizeof both, "%s, extent %lld", what, (long long)extent);
    assert_same_reals(kernels, found, expected, n, both);
}

/* Forward and backward of rows; dx into another array and in place of dy. */
static void check_rows(const as_kernels *kernels, int64_t rows, int64_t n, bool centre, bool in_place, bool add)
{
    const int64_t ldx = n + 3, ldy = in_place ? ldx : n + 1;
    void *const x = random_reals(kernels, rows * ldx, 1), *const gamma = random_reals(kernels, n, 2);
    void *const beta = random_reals(kernels, n, 3);
    void *y[2], *stat[2], *dy[2], *dx[2];
    for (int k = 0; k < 2; k++) {
        const as_norm_kernels *const N = k == 0 ? kernels->norm : kernels->norm_plain;
        y[k] = new_reals(kernels, rows * ldy);
        stat[k] = new_reals(kernels, rows * 3);
        dy[k] = random_reals(kernels, rows * ldy, 4);
        dx[k] = random_reals(kernels, rows * ldx, 5);
        const as_norm_rows a = {.rows = rows,
                                .n = n,
                                .centre = centre,
                                .eps = 1e-5,
                                .x = x,
                                .gamma = gamma,
                                .beta = centre ? beta : NULL,
                                .ldx = ldx,
                                .y = y[k],
                                .ldy = ldy,
                                .stat = stat[k],
                                .lds = 3,
                                .dy = dy[k],
                                .dx = in_place ? dy[k] : dx[k],
                                .add = add};
        N->rows_forward(&a);
        N->rows_backward(&a);
    }
    compare(kernels, y[0], y[1], rows * ldy, "y", n);
    compare(kernels, stat[0], stat[1], rows * 3, "statistics", n);
    compare(kernels, dy[0], dy[1], rows * ldy, "dy", n);
    compare(kernels, dx[0], dx[1], rows * ldx, "dx", n);
    for (int k = 0; k < 2; k++) {
        free_reals(kernels, y[k], rows * ldy), free_reals(kernels, stat[k], rows * 3);
        free_reals(kernels, dy[k], rows * ldy), free_reals(kernels, dx[k], rows * ldx);
    }
    free_reals(kernels, x, rows * ldx), free_reals(kernels, gamma, n), free_reals(kernels, beta, n);
}

/* Parameter gradients over lanes of 0, 5, 1 and 7 rows, of which a rank owns lanes 1..3: the program has several parts
   for some intervals. resume: one lane in two pieces. */
static void check_sums(const as_kernels *kernels, int64_t n, int threads, bool with_beta)
{
    enum { ROWS = 13, LANES = 4 };
    const int64_t lane_row[LANES + 1] = {0, 0, 5, 6, ROWS}, ld = n + 2;
    as_tree tree;
    assert_int_equal(as_tree_plan(LANES, &tree), AS_OK);
    void *const x = random_reals(kernels, ROWS * ld, 1), *const dy = random_reals(kernels, ROWS * ld, 2);
    void *const stat = random_reals(kernels, ROWS * 3, 3);
    for (int first = 0; first < LANES; first++) {
        as_tree_program program;
        assert_int_equal(as_tree_program_make(&tree, first, LANES - first, &program), AS_OK);
        void *part[2][2][LANES];
        for (int k = 0; k < 2; k++) {
            for (int p = 0; p < program.parts; p++) {
                part[k][0][p] = new_reals(kernels, n);
                part[k][1][p] = new_reals(kernels, n);
            }
            for (int t = 0; t < threads; t++) {
                const as_norm_sums a = {.n = n,
                                        .x = x,
                                        .dy = dy,
                                        .stat = stat,
                                        .ldx = ld,
                                        .ldy = ld,
                                        .lds = 3,
                                        .program = &program,
                                        .lane_row = lane_row + first,
                                        .dgamma = part[k][0],
                                        .dbeta = with_beta ? part[k][1] : NULL,
                                        .thread = t,
                                        .threads = threads};
                (k == 0 ? kernels->norm : kernels->norm_plain)->rows_sums(&a);
                if (first == LANES - 1) { /* one lane: its rows once more behind what is there */
                    as_norm_sums again = a;
                    again.resume = true;
                    (k == 0 ? kernels->norm : kernels->norm_plain)->rows_sums(&again);
                }
            }
        }
        for (int p = 0; p < program.parts; p++) {
            compare(kernels, part[0][0][p], part[1][0][p], n, "dgamma", n);
            compare(kernels, part[0][1][p], part[1][1][p], n, "dbeta", n);
            for (int k = 0; k < 4; k++) {
                free_reals(kernels, part[k / 2][k % 2][p], n);
            }
        }
        as_tree_program_destroy(&program);
    }
    as_tree_destroy(&tree);
    free_reals(kernels, x, ROWS * ld), free_reals(kernels, dy, ROWS * ld), free_reals(kernels, stat, ROWS * 3);
}

typedef struct channel_results {
    void *y, *dy, *dx;
    double *moment; /* (4, channels): sums, squares, sums of dy, products */
} channel_results;

static void run_channels(const as_kernels *kernels, const as_norm_kernels *N, const as_norm_block *b, bool relu,
                         bool plus, channel_results *r)
{
    const int64_t size = b->samples * b->ld, c = b->channels;
    void *const x = random_reals(kernels, size, 1), *const mean = random_reals(kernels, c, 2);
    void *const scale = random_reals(kernels, c, 3), *const beta = random_reals(kernels, c, 4);
    void *const other = random_reals(kernels, size, 5);
    *r = (channel_results){.y = new_reals(kernels, size),
                           .dy = random_reals(kernels, size, 6),
                           .dx = new_reals(kernels, size),
                           .moment = calloc((size_t)(4 * c) + 1, sizeof(double))};
    assert_non_null(r->moment);
    N->channel_moments(b, x, NULL, false, r->moment);
    N->channel_moments(b, x, mean, true, r->moment + c);
    N->channel_apply(b, x, mean, scale, beta, plus ? other : NULL, b->ld, relu, r->y, b->ld);
    N->channel_gradient_moments(b, x, mean, relu ? r->y : NULL, r->dy, b->ld, r->moment + 2 * c, r->moment + 3 * c);
    N->channel_backward(b, x, mean, scale, beta, mean, r->dy, b->ld, r->dx);
    free_reals(kernels, x, size), free_reals(kernels, mean, c), free_reals(kernels, scale, c);
    free_reals(kernels, beta, c), free_reals(kernels, other, size);
}

static void check_channels(const as_kernels *kernels, const as_norm_block *b, bool relu, bool plus)
{
    const int64_t size = b->samples * b->ld;
    channel_results r[2];
    run_channels(kernels, kernels->norm, b, relu, plus, &r[0]);
    run_channels(kernels, kernels->norm_plain, b, relu, plus, &r[1]);
    compare(kernels, r[0].y, r[1].y, size, "y of channels", b->channels);
    compare(kernels, r[0].dy, r[1].dy, size, "dy of channels", b->channels);
    compare(kernels, r[0].dx, r[1].dx, size, "dx of channels", b->channels);
    assert_memory_equal(r[0].moment, r[1].moment, (size_t)(4 * b->channels) * sizeof(double));
    for (int k = 0; k < 2; k++) {
        free_reals(kernels, r[k].y, size), free_reals(kernels, r[k].dy, size), free_reals(kernels, r[k].dx, size);
        free(r[k].moment);
    }
}

static void everything(const as_kernels *kernels)
{
    static const int64_t widths[] = {1, 2, 7, 15, 16, 17, 31, 33, 64, 65, 100, 257};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const int64_t n = widths[i];
        check_rows(kernels, 5, n, true, false, false);
        check_rows(kernels, 4, n, i % 2 == 0, false, true);
        check_rows(kernels, 3, n, false, true, false);
        check_rows(kernels, 0, n, true, true, true);
        check_sums(kernels, n, 1 + (int)(i % 3), i % 2 == 0);
        for (int k = 0; k < 4; k++) {
            const as_norm_block b = {.samples = 3, .positions = 1 + 6 * (k % 2), .channels = n, .ld = 7 * n + 5};
            check_channels(kernels, &b, k % 2 == 0, k >= 2);
        }
        check_channels(kernels, &(as_norm_block){.samples = 0, .positions = 3, .channels = n, .ld = 3 * n}, true, true);
    }
}

static void test_normalisation_equals_its_definition(void **state)
{
    (void)state;
    for_each_variant(everything);
}

/* loss = sum of dy y by rows. */
static double rows_loss(const as_kernels *kernels, const as_norm_rows *a)
{
    double loss = 0;
    kernels->norm_plain->rows_forward(a);
    for (int64_t e = 0; e < a->rows * a->n; e++) {
        loss += ((const double *)a->y)[e] * ((const double *)a->dy)[e];
    }
    return loss;
}

/* Central differences with h = 1e-5 of values of order 1: method h^2 f3 / 6, about 1e-10; rounding eps / h, about
   1e-11. Some rows have a small variance, which makes derivatives of order 10: the bound 1e-7 leaves room. */
static void test_definition_has_the_gradients_of_its_differences(void **state)
{
    (void)state;
    enum { ROWS = 3, N = 19 };
    const as_kernels *const kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    for (int centre = 0; centre < 2; centre++) {
        double *const x = random_reals(kernels, ROWS * N, 1), *const gamma = random_reals(kernels, N, 2);
        double *const beta = random_reals(kernels, N, 3), *const dy = random_reals(kernels, ROWS * N, 4);
        double *const y = new_reals(kernels, ROWS * N), *const dx = new_reals(kernels, ROWS * N);
        double *const stat = new_reals(kernels, ROWS * 2);
        const as_norm_rows a = {.rows = ROWS,
                                .n = N,
                                .centre = centre != 0,
                                .eps = 1e-3,
                                .x = x,
                                .gamma = gamma,
                                .beta = beta,
                                .ldx = N,
                                .y = y,
                                .ldy = N,
                                .stat = stat,
                                .lds = 2,
                                .dy = dy,
                                .dx = dx};
        rows_loss(kernels, &a);
        kernels->norm_plain->rows_backward(&a);
        for (int e = 0; e < ROWS * N; e++) {
            const double x0 = x[e], h = 1e-5;
            x[e] = x0 + h;
            const double above = rows_loss(kernels, &a);
            x[e] = x0 - h;
            const double below = rows_loss(kernels, &a);
            x[e] = x0;
            assert_true(fabs((above - below) / (2 * h) - dx[e]) <= 1e-7);
        }
        free(x), free(gamma), free(beta), free(dy), free(y), free(dx), free(stat);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition_has_the_gradients_of_its_differences),
        cmocka_unit_test(test_normalisation_equals_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
