/* Generated solutions: Burgers' equation against an exact solution (Cole and Hopf) and its conserved sum, the heat
   equation against finite differences; rows by their numbers alone. */
#include <math.h>

#include "unit/data_setup.h"

#include "data/generate.h"
#include "kernels/scalar_math.h"

static const double turn = 0x1.921fb54442d18p2; /* 2 pi */

/* u = -2 nu p_x / p with p = 2 + e^(-nu (2 pi)^2 t) cos 2 pi x, which solves p_t = nu p_xx. */
static double exact(double x, double t, double nu)
{
    const double decay = as_exp_f64(-nu * turn * turn * t);
    return 2 * nu * turn * decay * as_sin_f64(turn * x) / (2 + decay * as_cos_f64(turn * x));
}

static double burgers_error(int64_t n)
{
    const double nu = 0.05, time = 0.3;
    double *u = malloc((size_t)n * sizeof *u), *work = malloc((size_t)(6 * n) * sizeof *work), worst = 0;
    for (int64_t i = 0; i < n; i++) {
        u[i] = exact((double)i / (double)n, 0, nu);
    }
    as_burgers_solve(n, nu, time, u, work);
    for (int64_t i = 0; i < n; i++) {
        const double e = fabs(u[i] - exact((double)i / (double)n, time, nu));
        worst = e > worst ? e : worst;
    }
    free(u);
    free(work);
    return worst;
}

static void test_burgers_converges_to_the_exact_solution(void **state)
{
    (void)state;
    const double e32 = burgers_error(32), e64 = burgers_error(64), e128 = burgers_error(128);
    assert_true(e128 < 2e-4);
    assert_true(e32 / e64 > 3.6 && e32 / e64 < 4.4); /* second order: a factor of 4, to terms of fourth order */
    assert_true(e64 / e128 > 3.8 && e64 / e128 < 4.2);
}

static void *options_of(data_setup *s, const as_generate_ops *ops, const char *yaml)
{
    as_node *node = NULL;
    void *options = as_document_alloc(s->document, ops->options_bytes);
    const as_fields_part part = {ops->fields, options};
    assert_ok(as_yaml_parse(s->document, "test", yaml, &node));
    assert_ok(as_fields_parse(&part, 1, s->document, node, ops->name));
    return options;
}

static void test_burgers_keeps_the_sum(void **state)
{
    data_setup *s = *state;
    const as_generate_ops *ops = as_generators_get()[0];
    double x[64], y[64], again[64], *work;
    as_shape shape;
    int64_t n = 0;
    void *options = options_of(s, ops, "{points: 64, time: 0.2}");
    assert_ok(ops->plan(options, &shape, &n));
    assert_int_equal(as_shape_size(&shape), 64);
    work = malloc((size_t)n * sizeof *work);
    for (int64_t row = 0; row < 5; row++) {
        as_generate_pass pass = {.options = options, .seed = 3, .row = row, .x = x, .y = y, .work = work};
        ops->row(&pass);
        double before = 0, after = 0, energy = 0;
        for (int i = 0; i < 64; i++) {
            before += x[i];
            after += y[i];
            energy += x[i] * x[i] - y[i] * y[i];
        }
        assert_true(fabs(before) < 1e-11); /* sines over whole periods: eps times 64 times the amplitudes */
        assert_true(fabs(after) < 2e-2);   /* of every second cell: what the trapezoidal rule leaves of a steep front */
        assert_true(energy > 0);
        pass.x = again;
        pass.y = again;
        ops->row(&pass);
        assert_memory_equal(again, y, sizeof y);
    }
    free(work);
    options = options_of(s, ops, "{points: 8, modes: 5}");
    assert_fails(AS_CONFIG, "modes: expected at most 4", ops->plan(options, &shape, &n));
}

/* y - x over a short time is alpha times the Laplacian: central differences on 64 points are right to h^2 k^4 / 12. */
static void test_heat_follows_its_equation(void **state)
{
    data_setup *s = *state;
    enum { N = 64 };
    const as_generate_ops *ops = as_generators_get()[1];
    double *x = malloc(N * N * sizeof *x), *y = malloc(N * N * sizeof *y);
    void *options = options_of(s, ops, "{points: 64, modes: 1, diffusivity: 1, time: 1.0e-6}");
    ops->row(&(as_generate_pass){.options = options, .seed = 9, .row = 4, .x = x, .y = y});
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            const double around = x[(i + 1) % N * N + j] + x[(i + N - 1) % N * N + j] + x[i * N + (j + 1) % N] +
                                  x[i * N + (j + N - 1) % N];
            const double laplacian = (around - 4 * x[i * N + j]) * N * N;
            const double rate = (y[i * N + j] - x[i * N + j]) / 1e-6;
            /* |error| <= sum of amplitudes (1/2 + 5 waves up to 1/2 and 1/3) x 2 (2 pi)^4 / (12 N^2) + rounding */
            assert_true(fabs(rate - laplacian) < 3 * 2 * 1559 / (12.0 * N * N) + 0.01);
        }
    }
    free(x);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burgers_converges_to_the_exact_solution),
        cmocka_unit_test(test_burgers_keeps_the_sum),
        cmocka_unit_test(test_heat_follows_its_equation),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
