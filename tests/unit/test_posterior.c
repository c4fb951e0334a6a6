/* Posteriors of the weights: the closed form of the last layer against gradients of every answer, the Gauss-Newton
   matrix of a linear model against its design, the covariance of draws, and moments of checkpoints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "allsum/allsum.h"
#include "base/error.h"
#include "run/posterior.h"

static const as_log quiet = {0};

static void train(int nsets, const char *const *sets, char *dir, size_t bytes)
{
    snprintf(dir, bytes, "%s/posterior-XXXXXX", TEST_SCRATCH);
    assert_non_null(mkdtemp(dir));
    const as_job job = {.nsets = nsets, .sets = sets, .dir = dir, .threads = 1};
    assert_int_equal(as_train(&job), AS_OK);
}

static void remove_folder(const char *dir)
{
    char command[600];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void find(const char *dir, as_posterior_kind kind, double precision, as_posterior *out)
{
    const as_posterior_options o = {.kind = kind,
                                    .path = dir,
                                    .isa = as_isa_detect(),
                                    .threads = 1,
                                    .rows = 100000,
                                    .precision = precision,
                                    .log = &quiet};
    const as_status status = as_posterior_find(&o, out);
    if (status != AS_OK) {
        print_error("%s\n", as_error_message());
    }
    assert_int_equal(status, AS_OK);
}

static const char *const softmax_sets[] = {
    "data={train: {format: builtin, name: spirals, samples: 90}, normalize: none, validation: 0}",
    "model={layers: [{dense: {units: 2}}], loss: cross_entropy}",
    "optimizer={type: sgd, lr: 0.5}",
    "train={batch: 30, epochs: 5}",
    "precision=float64",
    "name=p"};

static const char *const bce_sets[] = {
    "data={train: {format: builtin, name: spirals, samples: 90}, normalize: none, validation: 0, classes: 3}",
    "model={layers: [{dense: {units: 4, activation: tanh}}, {dropout: 0.3}, {dense: {units: 3}}], loss: cross_entropy}",
    "optimizer={type: sgd, lr: 0.5}",
    "train={batch: 30, epochs: 5}",
    "precision=float64",
    "name=p"};

static const char *const linear_sets[] = {
    "data={train: {format: builtin, name: linear, samples: 200}, normalize: none, validation: 0}",
    "model={layers: [{dense: {units: 1}}], loss: mse}",
    "optimizer={type: adam, lr: 0.05}",
    "train={batch: 50, epochs: 40}",
    "precision=float64",
    "name=p"};

#define COUNT(a) ((int)(sizeof a / sizeof a[0]))

/* One dense layer is the whole network: both ways must give the same matrix. They add in different orders: 90 rows of
   products near 1 in double, 1e-12 of the largest eigenvalue. */
static void test_last_layer_equals_gradients_of_every_answer(void **state)
{
    (void)state;
    const struct {
        int n;
        const char *const *sets;
    } cases[] = {{COUNT(softmax_sets), softmax_sets}, {COUNT(linear_sets), linear_sets}};
    for (size_t c = 0; c < 2; c++) {
        char dir[512];
        as_posterior last, full;
        train(cases[c].n, cases[c].sets, dir, sizeof dir);
        find(dir, AS_POSTERIOR_LAST_LAYER, 0, &last);
        find(dir, AS_POSTERIOR_FULL, 0, &full);
        assert_int_equal(last.k, full.k);
        assert_true(last.value[0] > 0);
        for (int64_t i = 0; i < last.k; i++) {
            assert_true(fabs(last.value[i] - full.value[i]) <= 1e-12 * last.value[0] * (double)last.k);
        }
        assert_true(fabs(last.delta - full.delta) <= 1e-9 * last.delta);
        as_posterior_free(&last);
        as_posterior_free(&full);
        remove_folder(dir);
    }
}

/* The trace of G is the sum of its diagonal, also where dropout lies in between; and softmax leaves K-fold shifts of
   the outputs undetermined: as many eigenvalues are zero as the last layer has inputs and a bias. */
static void test_diagonal_and_null_directions(void **state)
{
    (void)state;
    char dir[512];
    as_posterior diagonal, full, last;
    train(COUNT(bce_sets), bce_sets, dir, sizeof dir);
    find(dir, AS_POSTERIOR_DIAGONAL, 1, &diagonal);
    find(dir, AS_POSTERIOR_FULL, 1, &full);
    find(dir, AS_POSTERIOR_LAST_LAYER, 1, &last);
    double a = 0, b = 0;
    for (int64_t i = 0; i < full.k; i++) {
        a += diagonal.value[i];
        b += full.value[i];
    }
    assert_true(fabs(a - b) <= 1e-11 * b);
    assert_int_equal(last.k, 15);
    int zeros = 0;
    for (int64_t i = 0; i < last.k; i++) {
        zeros += last.value[i] <= 1e-12 * last.value[0] ? 1 : 0;
    }
    assert_int_equal(zeros, 5);
    as_posterior_free(&diagonal);
    as_posterior_free(&full);
    as_posterior_free(&last);
    remove_folder(dir);
}

static const char *const digits_sets[] = {
    "data={train: {format: builtin, name: digits}, normalize: none, validation: 0}",
    "model={layers: [{dense: {units: 16, activation: relu}}, {dropout: 0.2}, {dense: 10}], loss: cross_entropy}",
    "optimizer={type: adam, lr: 0.01}",
    "train={batch: 50, steps: 20}",
    "lanes=8",
    "name=p"};

/* Pixels that are always zero, and units that never fire, leave most of the 1,210 directions without any curvature. */
static void test_curvature_without_full_rank(void **state)
{
    (void)state;
    char dir[512];
    as_posterior full, diagonal;
    train(COUNT(digits_sets), digits_sets, dir, sizeof dir);
    find(dir, AS_POSTERIOR_FULL, 1, &full);
    find(dir, AS_POSTERIOR_DIAGONAL, 1, &diagonal);
    assert_int_equal(full.k, 1210);
    double a = 0, b = 0;
    for (int64_t i = 0; i < full.k; i++) {
        a += full.value[i];
        b += diagonal.value[i];
    }
    assert_true(fabs(a - b) <= 1e-10 * b); /* rounding errors below zero count as zero */
    as_posterior_free(&full);
    as_posterior_free(&diagonal);
    remove_folder(dir);
}

/* Draws have mean w* and covariance (G + delta I)^-1: the mean of 4000 squares of a standardised draw is within
   6 sqrt(2 / 4000) = 0.13 of 1, their mean within 6 / sqrt(4000) = 0.095 of 0. */
static void test_draws_have_the_covariance(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    char dir[512];
    as_posterior p;
    train(COUNT(softmax_sets), softmax_sets, dir, sizeof dir);
    find(dir, AS_POSTERIOR_LAST_LAYER, 2, &p);
    double *w = malloc((size_t)p.n * sizeof *w), *mean = calloc((size_t)p.k, sizeof *mean);
    double *square = calloc((size_t)p.k, sizeof *square);
    for (uint32_t s = 0; s < DRAWS; s++) {
        assert_int_equal(as_posterior_draw(&p, 7, s, w), AS_OK);
        for (int64_t i = 0; i < p.k; i++) {
            double u = 0;
            for (int64_t j = 0; j < p.k; j++) {
                u += p.vector[i * p.k + j] * (w[p.index[j]] - p.mean[p.index[j]]);
            }
            u *= sqrt(p.value[i] + p.delta);
            mean[i] += u / DRAWS;
            square[i] += u * u / DRAWS;
        }
    }
    for (int64_t i = 0; i < p.k; i++) {
        assert_true(fabs(mean[i]) < 0.095);
        assert_true(fabs(square[i] - 1) < 0.13);
    }
    free(w);
    free(mean);
    free(square);
    as_posterior_free(&p);
    remove_folder(dir);
}

/* MacKay's fixed point: delta |w|^2 = gamma. */
static void test_precision_by_the_evidence(void **state)
{
    (void)state;
    char dir[512];
    as_posterior p;
    train(COUNT(softmax_sets), softmax_sets, dir, sizeof dir);
    find(dir, AS_POSTERIOR_FULL, 0, &p);
    double square = 0, gamma = 0;
    for (int64_t i = 0; i < p.k; i++) {
        square += p.mean[p.index[i]] * p.mean[p.index[i]];
        gamma += p.value[i] / (p.value[i] + p.delta);
    }
    assert_true(gamma > 0 && gamma < (double)p.k);
    assert_true(fabs(p.delta * square - gamma) <= 1e-6 * gamma);
    as_posterior_free(&p);
    remove_folder(dir);
}

static void test_swag_moments_of_checkpoints(void **state)
{
    (void)state;
    const char *sets[COUNT(softmax_sets) + 1];
    char dir[512], path[600];
    as_posterior swag, each;
    memcpy(sets, softmax_sets, sizeof softmax_sets);
    sets[COUNT(softmax_sets)] = "checkpoint={every: 1 epochs, keep: 9}";
    train(COUNT(sets), sets, dir, sizeof dir);
    find(dir, AS_POSTERIOR_SWAG, 0, &swag);
    assert_int_equal(swag.members, 5);
    double *sum = calloc((size_t)swag.n, sizeof *sum), *square = calloc((size_t)swag.n, sizeof *square);
    for (int c = 1; c <= 5; c++) {
        snprintf(path, sizeof path, "%s/checkpoints/step-%012d.h5", dir, 3 * c);
        find(path, AS_POSTERIOR_LAST_LAYER, 1, &each);
        for (int64_t i = 0; i < swag.n; i++) {
            sum[i] += each.mean[i] / 5;
            square[i] += each.mean[i] * each.mean[i] / 5;
        }
        as_posterior_free(&each);
    }
    for (int64_t i = 0; i < swag.n; i++) {
        assert_true(fabs(swag.mean[i] - sum[i]) <= 1e-14);
        assert_true(fabs(swag.sd[i] * swag.sd[i] - (square[i] - sum[i] * sum[i])) <= 1e-14);
    }
    free(sum);
    free(square);
    as_posterior_free(&swag);
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_layer_equals_gradients_of_every_answer),
        cmocka_unit_test(test_diagonal_and_null_directions),
        cmocka_unit_test(test_curvature_without_full_rank),
        cmocka_unit_test(test_draws_have_the_covariance),
        cmocka_unit_test(test_precision_by_the_evidence),
        cmocka_unit_test(test_swag_moments_of_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
