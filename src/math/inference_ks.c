/* Kolmogorov-Smirnov tests.

   One sample: P(D < d) as n! / n^n times an element of a matrix power (Marsaglia, Tsang and Wang, "Evaluating
   Kolmogorov's distribution", J. Stat. Software 8, 2003), with the power of ten kept aside; where n d^2 > 3.8, twice
   the one-sided tail, a sum of positive terms (Smirnov; Birnbaum and Tingey 1951), which is off by e^(-6 n d^2) of
   itself. Two samples: lattice paths that stay within the band (Hodges 1957), as probabilities. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/inference_tail.h"

enum { EXACT_ROWS = 2000, EXACT_PAIRS = 1000000 };

/* log of the limit's tail 2 sum (-1)^(k-1) e^(-2 k^2 t^2). */
static double log_limit(double t)
{
    if (t < 0.2) {
        return 0; /* the tail is 1 - 1e-12 */
    }
    double sum = 0;
    for (int k = 100; k >= 1; k--) {
        const double term = as_exp_f64(-2.0 * (k * k - 1) * t * t);
        sum += k % 2 == 1 ? term : -term;
    }
    return as_log_f64(2 * sum) - 2 * t * t;
}

/* log of d sum_j C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j), 0 <= j <= n (1 - d). */
static double log_one_sided(int64_t rows, double d)
{
    const double n = (double)rows;
    double most = -HUGE_VAL, sum = 0;
    for (int64_t j = 0; (double)j <= n * (1 - d); j++) {
        const double up = d + (double)j / n, down = 1 - up, k = (double)j;
        if (!(down > 0) && j < rows) {
            continue;
        }
        const double choose = as_log_gamma(n + 1) - as_log_gamma(k + 1) - as_log_gamma(n - k + 1);
        const double v = choose + (k - 1) * as_log_f64(up) + (j < rows ? (n - k) * as_log_f64(down) : 0);
        if (v > most) {
            sum = sum * as_exp_f64(most - v) + 1;
            most = v;
        } else {
            sum += as_exp_f64(v - most);
        }
    }
    return as_log_f64(d) + most + as_log_f64(sum);
}

/* c = a b of (m, m). */
static void multiply(int m, const double *a, const double *b, double *c)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < m; j++) {
            double sum = 0;
            for (int k = 0; k < m; k++) {
                sum = fma(a[i * m + k], b[k * m + j], sum);
            }
            c[i * m + j] = sum;
        }
    }
}

/* Divides a (m, m) by 2^500 when its middle is beyond; counts that. */
static void rescale(int m, double *a, int *exponent)
{
    if (a[(m / 2) * m + m / 2] > 0x1p500) {
        for (int i = 0; i < m * m; i++) {
            a[i] *= 0x1p-500;
        }
        *exponent += 500;
    }
}

/* The matrix H of the paper. */
static void make_matrix(int m, double h, double *a)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < m; j++) {
            a[i * m + j] = i - j + 1 >= 0 ? 1 : 0;
        }
    }
    double power = 1;
    for (int i = 0; i < m; i++) {
        power *= h;
        a[i * m] -= power;
        a[(m - 1) * m + m - 1 - i] -= power;
    }
    a[(m - 1) * m] += 2 * h - 1 > 0 ? as_exp_f64(m * as_log_f64(2 * h - 1)) : 0;
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < m; j++) {
            for (int g = 1; g <= i - j + 1; g++) {
                a[i * m + j] /= g;
            }
        }
    }
}

static as_status cdf_exact(int64_t n, double d, double *out)
{
    const int k = (int)((double)n * d) + 1, m = 2 * k - 1;
    const size_t size = (size_t)m * (size_t)m;
    double *block = calloc(3 * size, sizeof *block);
    if (block == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a matrix of %d x %d", m, m);
    }
    double *power = block, *square = block + size, *next = block + 2 * size;
    int power_exponent = 0, square_exponent = 0;
    make_matrix(m, k - (double)n * d, square);
    for (int i = 0; i < m; i++) {
        power[i * m + i] = 1;
    }
    for (int64_t left = n; left > 0; left /= 2) {
        if (left % 2 == 1) {
            multiply(m, power, square, next);
            memcpy(power, next, size * sizeof *power);
            power_exponent += square_exponent;
            rescale(m, power, &power_exponent);
        }
        if (left > 1) {
            multiply(m, square, square, next);
            memcpy(square, next, size * sizeof *square);
            square_exponent *= 2;
            rescale(m, square, &square_exponent);
        }
    }
    double s = power[(k - 1) * m + k - 1];
    for (int64_t i = 1; i <= n; i++) {
        s *= (double)i / (double)n;
        if (s < 0x1p-500) {
            s *= 0x1p500;
            power_exponent -= 500;
        }
    }
    *out = s > 0 ? as_exp_f64(as_log_f64(s) + power_exponent * 0.69314718055994530942) : 0;
    free(block);
    return AS_OK;
}

as_status as_ks_one(int64_t n, const double *cdf, as_test *out)
{
    double d = 0;
    for (int64_t i = 0; i < n; i++) {
        d = fmax(d, fmax((double)(i + 1) / (double)n - cdf[i], cdf[i] - (double)i / (double)n));
    }
    *out = (as_test){.statistic = d, .exact = n <= EXACT_ROWS};
    if (n < 1) {
        *out = as_test_undefined(*out);
    } else if (!out->exact) {
        *out = as_test_of_log_p(*out, log_limit(sqrt((double)n) * d));
    } else if ((double)n * d * d > 3.8) {
        *out = as_test_of_log_p(*out, log_one_sided(n, d) + 0.69314718055994530942);
    } else {
        double below = 0;
        AS_TRY(cdf_exact(n, d, &below));
        *out = as_test_of_log_p(*out, as_log1p_f64(-below));
    }
    return AS_OK;
}

/* P(D < d) of two samples without common values; u (ny + 1). */
static double paths_inside(int64_t nx, int64_t ny, double d, double *u)
{
    const double x = (double)nx, y = (double)ny, band = (0.5 + floor(d * x * y - 1e-7)) / (x * y);
    for (int64_t j = 0; j <= ny; j++) {
        u[j] = (double)j / y > band ? 0 : 1;
    }
    for (int64_t i = 1; i <= nx; i++) {
        const double w = (double)i / (double)(i + ny);
        u[0] = (double)i / x > band ? 0 : w * u[0];
        for (int64_t j = 1; j <= ny; j++) {
            u[j] = fabs((double)i / x - (double)j / y) > band ? 0 : w * u[j] + u[j - 1];
        }
    }
    return u[ny];
}

as_status as_ks_two(int64_t nx, const double *x, int64_t ny, const double *y, as_test *out)
{
    double d = 0;
    bool ties = false;
    for (int64_t i = 0, j = 0; i < nx && j < ny;) {
        const double v = x[i] < y[j] ? x[i] : y[j];
        ties = ties || x[i] == y[j];
        while (i < nx && x[i] == v) {
            i++;
        }
        while (j < ny && y[j] == v) {
            j++;
        }
        d = fmax(d, fabs((double)i / (double)nx - (double)j / (double)ny));
    }
    *out =
        (as_test){.statistic = d, .exact = !ties && nx <= EXACT_PAIRS && ny <= EXACT_PAIRS && nx * ny <= EXACT_PAIRS};
    if (nx < 1 || ny < 1) {
        *out = as_test_undefined(*out);
    } else if (!out->exact) {
        *out = as_test_of_log_p(*out, log_limit(d * sqrt((double)nx / (double)(nx + ny) * (double)ny)));
    } else {
        double *u = malloc((size_t)(ny + 1) * sizeof *u);
        if (u == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for %lld path counts", (long long)ny);
        }
        *out = as_test_of_log_p(*out, as_log1p_f64(-paths_inside(nx, ny, d, u)));
        free(u);
    }
    return AS_OK;
}
