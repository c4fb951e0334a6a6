/* The mean is corrected by that of the differences from it; Hyndman, Fan, "Sample quantiles in statistical packages"
 * (1996), type 7. */
#include "math/descriptive.h"

#include <math.h>
#include <stdlib.h>

const double as_quantile_share[AS_QUANTILES] = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};

static int order(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void as_sort_ascending(int64_t n, double *value)
{
    qsort(value, (size_t)n, sizeof *value, order);
}

double as_sorted_quantile(int64_t n, const double *v, double share)
{
    const double at = share * (double)(n - 1);
    const int64_t low = (int64_t)at;
    return low + 1 < n ? v[low] + (at - (double)low) * (v[low + 1] - v[low]) : v[n - 1];
}

static void moments(int64_t n, const double *v, as_descriptive *out)
{
    double sum = 0, low = 0, square = 0, cube = 0, fourth = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += v[i];
    }
    const double rough = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        low += v[i] - rough;
    }
    const double mean = rough + low / (double)n;
    const double low_end = mean - v[0], high_end = v[n - 1] - mean; /* v ascends */
    int exponent = 0;
    frexp(low_end > high_end ? low_end : high_end, &exponent);
    const double scale = ldexp(1, exponent); /* a power of two: squares and fourth powers stay in range */
    for (int64_t i = 0; i < n; i++) {
        const double d = (v[i] - mean) / scale, d2 = d * d;
        square += d2;
        cube += d2 * d;
        fourth += d2 * d2;
    }
    const bool flat = v[0] == v[n - 1];
    out->mean = flat ? v[0] : mean;
    out->sd = flat && n > 1 ? 0 : n > 1 ? scale * sqrt(square / (double)(n - 1)) : (double)NAN;
    const double m2 = square / (double)n;
    out->skewness = flat ? (double)NAN : cube / (double)n / (m2 * sqrt(m2));
    out->kurtosis = flat ? (double)NAN : fourth / (double)n / (m2 * m2) - 3;
}

as_descriptive as_describe_values(int64_t n, double *value)
{
    as_descriptive out = {.mean = (double)NAN, .sd = (double)NAN, .skewness = (double)NAN, .kurtosis = (double)NAN};
    for (int64_t i = 0; i < n; i++) {
        value[out.n] = value[i];
        out.n += !isnan(value[i]);
    }
    out.missing = n - out.n;
    as_sort_ascending(out.n, value);
    for (int64_t i = 0; i < out.n; i++) {
        out.distinct += i == 0 || value[i] != value[i - 1];
    }
    for (int q = 0; q < AS_QUANTILES; q++) {
        out.quantile[q] = out.n > 0 ? as_sorted_quantile(out.n, value, as_quantile_share[q]) : (double)NAN;
    }
    if (out.n > 0) {
        moments(out.n, value, &out);
    }
    return out;
}
