/* Elementwise passes of the update; compiled once per variant. */
#include "kernels/real.h"
#include "nn/update.h"

enum { ACCUMULATORS = 16 };

static double penalize(int64_t n, void *gradient, const void *weight, double inverse, double l1, double l2)
{
    real *restrict g = gradient;
    const real *restrict w = weight;
    const real inv = AS_R(inverse), a = AS_R(l1), b = AS_R(l2);
    double absolute[ACCUMULATORS] = {0}, square[ACCUMULATORS] = {0};
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)w[i];
        const int64_t k = i % ACCUMULATORS;
        absolute[k] += v < 0 ? -v : v;
        square[k] = __builtin_fma(v, v, square[k]);
    }
    for (int64_t i = 0; i < n; i++) {
        const real sign = AS_R((w[i] > AS_R(0)) - (w[i] < AS_R(0)));
        g[i] = as_fma(inv, g[i], as_fma(b, w[i], a * sign));
    }
    for (int half = ACCUMULATORS / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            absolute[k] += absolute[k + half];
            square[k] += square[k + half];
        }
    }
    return l1 * absolute[0] + 0.5 * l2 * square[0];
}

static void average(int64_t n, double decay, const void *weight, void *averaged)
{
    const real *restrict w = weight;
    real *restrict e = averaged;
    const real rest = AS_R(1.0 - decay);
    for (int64_t i = 0; i < n; i++) {
        e[i] = as_fma(rest, w[i] - e[i], e[i]);
    }
}

static void follow(int64_t n, double momentum, double inverse, const void *sum, void *statistic)
{
    const real *restrict s = sum;
    real *restrict w = statistic;
    const real rate = AS_R(momentum), inv = AS_R(inverse);
    for (int64_t i = 0; i < n; i++) {
        w[i] = as_fma(rate, as_fma(inv, s[i], -w[i]), w[i]);
    }
}

static void fill(int64_t n, double value, void *out)
{
    real *restrict x = out;
    for (int64_t i = 0; i < n; i++) {
        x[i] = AS_R(value);
    }
}

static int64_t first_bad(int64_t n, const void *values)
{
    const real *x = values;
    for (int64_t i = 0; i < n; i++) {
        if (!(as_abs(x[i]) < AS_R(INFINITY))) {
            return i;
        }
    }
    return n;
}

const as_update_ops AS_V(as_update) = {
    .penalize = penalize, .average = average, .follow = follow, .fill = fill, .first_bad = first_bad};
