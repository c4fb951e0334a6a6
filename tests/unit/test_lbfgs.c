/* L-BFGS given one evaluation at a time: known minima, with and without an L1 penalty, and the same points after its
   arrays were carried elsewhere between any two evaluations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "math/lbfgs.h"

enum { N = 12, MEMORY = 5, STATE = 4 * N + 2 * MEMORY * N + AS_LBFGS_NUMBERS };

/* One block of memory, as a checkpoint would keep it. */
typedef struct machine {
    double state[STATE];
    double work[N + 2 * MEMORY];
    const double *l1;
} machine;

static void as_it_is(const void *context, const double *from, double *to)
{
    (void)context;
    memcpy(to, from, N * sizeof *to);
}

static as_lbfgs of(machine *m)
{
    double *s = m->state;
    return (as_lbfgs){.n = N,
                      .memory = MEMORY,
                      .precondition = as_it_is,
                      .l1 = m->l1,
                      .x = s,
                      .trial = s + N,
                      .gradient = s + 2 * N,
                      .direction = s + 3 * N,
                      .s = s + 4 * N,
                      .y = s + 4 * N + MEMORY * N,
                      .number = s + 4 * N + 2 * MEMORY * N,
                      .work = m->work};
}

/* Pairs of Rosenbrock's function. */
static double valley(const double *x, double *g)
{
    double f = 0;
    for (int i = 0; i < N; i += 2) {
        const double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
        f += a * a + 100 * b * b;
        g[i] = -2 * a - 400 * x[i] * b;
        g[i + 1] = 200 * b;
    }
    return f;
}

/* 1/2 sum c_i (x_i - t_i)^2, c from 1 to 1000. */
static double center(int i)
{
    return i % 3 == 0 ? 0.001 * i : i - 5.5;
}

static double bowl(const double *x, double *g)
{
    double f = 0;
    for (int i = 0; i < N; i++) {
        const double c = pow(1000, i / (N - 1.0)), d = x[i] - center(i);
        f += 0.5 * c * d * d;
        g[i] = c * d;
    }
    return f;
}

/* A bowl whose least value is 1e4: rounding hides slopes below 1e-6 or so. */
static double high_bowl(const double *x, double *g)
{
    return 1e4 + bowl(x, g);
}

/* Evaluations until the largest slope is at most tol; the machine moves to another place in memory before each. */
static int minimise(double (*f)(const double *, double *), machine *m, double tol, bool moves)
{
    machine other;
    for (int evaluations = 1; evaluations < 2000; evaluations++) {
        if (moves) {
            other = *m;
            memset(m, 0x7f, sizeof *m);
            *m = other;
            memset(m->work, 0x7f, sizeof m->work);
        }
        as_lbfgs l = of(m);
        double gradient[N], largest = 0;
        const double value = f(l.trial, gradient);
        const as_lbfgs_answer answer = as_lbfgs_take(&l, value, gradient);
        if (answer == AS_LBFGS_SEARCHING) {
            continue;
        }
        for (int j = 0; j < N; j++) {
            largest = fmax(largest, fabs(as_lbfgs_slope(l.x[j], l.gradient[j], l.l1 != NULL ? l.l1[j] : 0)));
        }
        if (answer == AS_LBFGS_STUCK || largest <= tol) {
            return largest <= tol ? evaluations : -evaluations;
        }
        as_lbfgs_next(&l);
    }
    return -2000;
}

static void test_known_minima(void **state)
{
    (void)state;
    machine m = {0};
    for (int i = 0; i < N; i++) {
        m.state[i] = m.state[N + i] = i % 2 == 0 ? -1.2 : 1;
    }
    const int evaluations = minimise(valley, &m, 1e-9, false);
    assert_in_range(evaluations, 1, 100);
    for (int i = 0; i < N; i++) {
        assert_true(fabs(m.state[i] - 1) < 1e-8);
    }
    machine b = {0};
    assert_in_range(minimise(bowl, &b, 1e-10, false), 1, 300);
    for (int i = 0; i < N; i++) {
        assert_true(fabs(b.state[i] - center(i)) < 1e-9); /* slope over the least curvature, 1 */
    }
}

/* Below what rounding lets it see it says so, and does not go on. */
static void test_it_ends_at_rounding(void **state)
{
    (void)state;
    machine m = {0};
    for (int i = 0; i < N; i++) {
        m.state[i] = m.state[N + i] = 3;
    }
    const int smooth = minimise(high_bowl, &m, 0, false);
    assert_in_range(-smooth, 1, 1000);
    double l1[N];
    machine cut = {.l1 = l1};
    for (int i = 0; i < N; i++) {
        l1[i] = 0.1;
    }
    assert_in_range(-minimise(high_bowl, &cut, -1, false), 1, 1000);
}

/* min 1/2 c (x - t)^2 + l |x| is t cut by l / c. */
static void test_an_l1_penalty_cuts(void **state)
{
    (void)state;
    double l1[N];
    machine m = {.l1 = l1};
    for (int i = 0; i < N; i++) {
        l1[i] = i == 4 ? 0 : 2;
    }
    assert_in_range(minimise(bowl, &m, 1e-8, false), 1, 300);
    int zeros = 0;
    for (int i = 0; i < N; i++) {
        const double cut = l1[i] / pow(1000, i / (N - 1.0)), t = center(i);
        const double expected = t > cut ? t - cut : t < -cut ? t + cut : 0;
        assert_true(fabs(m.state[i] - expected) < 1e-8);
        assert_int_equal(m.state[i] == 0, expected == 0);
        zeros += expected == 0;
    }
    assert_in_range(zeros, 2, N - 2);
}

static void test_it_goes_on_from_its_arrays(void **state)
{
    (void)state;
    machine a = {0}, b = {0};
    for (int i = 0; i < N; i++) {
        a.state[i] = a.state[N + i] = b.state[i] = b.state[N + i] = i % 2 == 0 ? -1.2 : 1;
    }
    assert_int_equal(minimise(valley, &a, 1e-9, false), minimise(valley, &b, 1e-9, true));
    assert_memory_equal(a.state, b.state, sizeof a.state);
}

/* A function that is not finite beyond a wall is walked up to. */
static double walled(const double *x, double *g)
{
    double f = 0;
    for (int i = 0; i < N; i++) {
        f += x[i] < 2 ? -log(2 - x[i]) - 3 * x[i] : HUGE_VAL;
        g[i] = x[i] < 2 ? 1 / (2 - x[i]) - 3 : (double)NAN;
    }
    return f;
}

static void test_values_that_are_not_finite_are_too_far(void **state)
{
    (void)state;
    machine m = {0};
    for (int i = 0; i < N; i++) {
        m.state[i] = m.state[N + i] = -3.0 * i;
    }
    assert_in_range(minimise(walled, &m, 1e-9, false), 1, 300);
    for (int i = 0; i < N; i++) {
        assert_true(fabs(m.state[i] - 5.0 / 3) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_minima),
        cmocka_unit_test(test_it_ends_at_rounding),
        cmocka_unit_test(test_an_l1_penalty_cuts),
        cmocka_unit_test(test_it_goes_on_from_its_arrays),
        cmocka_unit_test(test_values_that_are_not_finite_are_too_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
