/* Reductions of one row and what is built on them, for code compiled per variant. A sum has 16 virtual accumulators:
   element j goes to accumulator j mod 16, then a fixed tree over the 16 (8 + 8, 4 + 4, ...). That is one AVX-512
   register of floats, two of doubles, and the same bits on narrower machines. Loops run over blocks of 16 with a padded
   last block, so a row of 10 costs one block. Cost: softmax 3 passes over the row, one exp an element. */
#ifndef AS_KERNELS_ROWWISE_H
#define AS_KERNELS_ROWWISE_H

#include <stdbool.h>

#include "kernels/math.h"

enum { AS_ROW_BLOCK = 16, AS_ROW_CHUNK = 256 };

/* The fixed tree over 16 accumulators. Destroys a. */
static inline real as_row_tree(real a[AS_ROW_BLOCK])
{
    for (int half = AS_ROW_BLOCK / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            a[k] += a[k + half];
        }
    }
    return a[0];
}

/* The same in double. */
static inline double as_row_tree_f64(double a[AS_ROW_BLOCK])
{
    for (int half = AS_ROW_BLOCK / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            a[k] += a[k + half];
        }
    }
    return a[0];
}

/* Largest of x[0..n), -inf for n = 0. NaN is passed over: whoever uses x after it meets the NaN itself. */
static inline real as_row_max(int64_t n, const real *x)
{
    real a[AS_ROW_BLOCK];
    for (int k = 0; k < AS_ROW_BLOCK; k++) {
        a[k] = -AS_INF;
    }
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= n; j += AS_ROW_BLOCK) {
        for (int k = 0; k < AS_ROW_BLOCK; k++) {
            a[k] = x[j + k] > a[k] ? x[j + k] : a[k];
        }
    }
    for (int k = 0; j + k < n; k++) {
        a[k] = x[j + k] > a[k] ? x[j + k] : a[k];
    }
    for (int half = AS_ROW_BLOCK / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            a[k] = a[k + half] > a[k] ? a[k + half] : a[k];
        }
    }
    return a[0];
}

/* Sum of x[0..n); 0 for n = 0. */
static inline real as_row_sum(int64_t n, const real *x)
{
    real a[AS_ROW_BLOCK] = {0};
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= n; j += AS_ROW_BLOCK) {
        for (int k = 0; k < AS_ROW_BLOCK; k++) {
            a[k] += x[j + k];
        }
    }
    for (int k = 0; j + k < n; k++) {
        a[k] += x[j + k];
    }
    return as_row_tree(a);
}

/* Sum of x[0..n) - shift in double. */
static inline double as_row_sum_f64(int64_t n, const real *x, real shift)
{
    double a[AS_ROW_BLOCK] = {0};
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= n; j += AS_ROW_BLOCK) {
        for (int k = 0; k < AS_ROW_BLOCK; k++) {
            a[k] += (double)x[j + k] - (double)shift;
        }
    }
    for (int k = 0; j + k < n; k++) {
        a[k] += (double)x[j + k] - (double)shift;
    }
    return as_row_tree_f64(a);
}

/* Sum of x[i]^2 and of x[i] y[i]: fma into the 16 accumulators. */
static inline real as_row_dot(int64_t n, const real *x, const real *y)
{
    real a[AS_ROW_BLOCK] = {0};
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= n; j += AS_ROW_BLOCK) {
        for (int k = 0; k < AS_ROW_BLOCK; k++) {
            a[k] = as_fma(x[j + k], y[j + k], a[k]);
        }
    }
    for (int k = 0; j + k < n; k++) {
        a[k] = as_fma(x[j + k], y[j + k], a[k]);
    }
    return as_row_tree(a);
}

/* y[j] = e^(x[j] - shift) (y may be x, or NULL: not kept); returns their sum. */
static inline real as_row_exp(int64_t n, const real *x, real shift, real *y)
{
    real a[AS_ROW_BLOCK] = {0}, e[AS_ROW_CHUNK];
    for (int64_t j = 0; j < n; j += AS_ROW_CHUNK) {
        const int count = n - j < AS_ROW_CHUNK ? (int)(n - j) : AS_ROW_CHUNK;
        const int padded = (count + AS_ROW_BLOCK - 1) / AS_ROW_BLOCK * AS_ROW_BLOCK;
        for (int k = padded - AS_ROW_BLOCK; k < padded; k++) {
            e[k] = -AS_INF; /* whose e^ adds 0 */
        }
        memcpy(e, x + j, (size_t)count * sizeof *e);
        for (int k = 0; k < padded; k++) {
            e[k] = as_exp(e[k] - shift);
        }
        for (int b = 0; b < padded; b += AS_ROW_BLOCK) {
            for (int k = 0; k < AS_ROW_BLOCK; k++) {
                a[k] += e[b + k];
            }
        }
        if (y != NULL) {
            memcpy(y + j, e, (size_t)count * sizeof *e);
        }
    }
    return as_row_tree(a);
}

/* y = softmax(x); y may be x. A row with NaN or +inf, or of -inf alone, gives NaN throughout. */
static inline void as_row_softmax(int64_t n, const real *x, real *y)
{
    const real sum = as_row_exp(n, x, as_row_max(n, x), y), inverse = AS_R(1) / sum;
    for (int64_t j = 0; j < n; j++) {
        y[j] *= inverse;
    }
}

/* log(sum_j e^x[j]); -inf for n = 0. */
static inline real as_row_log_sum_exp(int64_t n, const real *x)
{
    const real max = as_row_max(n, x);
    return n == 0 ? -AS_INF : max + as_log(as_row_exp(n, x, max, NULL));
}

#endif
