/* Sums over reals in double; compiled once per variant. Whole groups of 16 elements are vectors of the accumulators;
   what is left goes one by one. */
#include "kernels/real.h"
#include "nn/measure.h"

enum { LANES = 16 };

/* Halves onto halves; destroys a. */
static inline double fold(double a[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            a[k] += a[k + half];
        }
    }
    return a[0];
}

static void pair(int64_t n, const void *left, const void *right, double out[3])
{
    const real *restrict x = left, *restrict y = right;
    double xx[LANES] = {0}, yy[LANES] = {0}, xy[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            const double a = (double)x[i + k], b = (double)y[i + k];
            xx[k] = __builtin_fma(a, a, xx[k]);
            yy[k] = __builtin_fma(b, b, yy[k]);
            xy[k] = __builtin_fma(a, b, xy[k]);
        }
    }
    for (int k = 0; i < n; i++, k++) {
        const double a = (double)x[i], b = (double)y[i];
        xx[k] = __builtin_fma(a, a, xx[k]);
        yy[k] = __builtin_fma(b, b, yy[k]);
        xy[k] = __builtin_fma(a, b, xy[k]);
    }
    out[0] = fold(xx);
    out[1] = fold(yy);
    out[2] = fold(xy);
}

static void change(int64_t n, const void *before, const void *after, double out[2])
{
    const real *restrict w = before, *restrict v = after;
    double ww[LANES] = {0}, dd[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            const double a = (double)w[i + k], d = (double)v[i + k] - a;
            ww[k] = __builtin_fma(a, a, ww[k]);
            dd[k] = __builtin_fma(d, d, dd[k]);
        }
    }
    for (int k = 0; i < n; i++, k++) {
        const double a = (double)w[i], d = (double)v[i] - a;
        ww[k] = __builtin_fma(a, a, ww[k]);
        dd[k] = __builtin_fma(d, d, dd[k]);
    }
    out[0] = fold(ww);
    out[1] = fold(dd);
}

static void moments(int64_t n, const void *values, double sums[2])
{
    const real *restrict x = values;
    double sum[LANES] = {0}, squares[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            const double a = (double)x[i + k];
            sum[k] += a;
            squares[k] = __builtin_fma(a, a, squares[k]);
        }
    }
    for (int k = 0; i < n; i++, k++) {
        const double a = (double)x[i];
        sum[k] += a;
        squares[k] = __builtin_fma(a, a, squares[k]);
    }
    sums[0] += fold(sum);
    sums[1] += fold(squares);
}

static void reach(int64_t n, int64_t units, const void *values, double limit, double *restrict count)
{
    const real *restrict x = values;
    for (int64_t at = 0; at < n; at += units) {
        for (int64_t u = 0; u < units; u++) {
            count[u] += (double)as_abs(x[at + u]) >= limit ? 1.0 : 0.0;
        }
    }
}

const as_measure_ops AS_V(as_measure) = {.pair = pair, .change = change, .moments = moments, .reach = reach};
