/* Reductions of one row and what is built on them, for code compiled per variant. A sum has 16 virtual accumulators:
   element j goes to accumulator j mod 16, then a fixed tree over the 16 (8 + 8, 4 + 4, ...). That is one AVX-512
   register of floats, two of doubles, and the same bits on narrower machines. Loops run over blocks of 16 with a padded
   last block (by 0, which no sum notices), so a row of 10 costs one block. Cost: softmax 3 passes over the row, one exp
   an element. */
#ifndef AS_KERNELS_ROWWISE_H
#define AS_KERNELS_ROWWISE_H

#include <stdbool.h>

#include "kernels/vector_math.h"

enum { AS_ROW_BLOCK = 16, AS_ROW_VECTORS = AS_ROW_BLOCK / VL };

/* The 16 accumulators, or a block of a row. */
typedef struct as_row_block {
    vreal v[AS_ROW_VECTORS];
} as_row_block;

#define AS_EACH_V(v) _Pragma("GCC unroll 8") for (int v = 0; v < AS_ROW_VECTORS; v++)

/* The first min(n, 16) elements of x, then zeros. */
AS_INLINE as_row_block as_row_load(int64_t n, const real *x)
{
    as_row_block b;
    if (n >= AS_ROW_BLOCK) {
        AS_EACH_V(v)
        {
            b.v[v] = v_load(x + v * VL);
        }
    } else {
        AS_EACH_V(v)
        {
            b.v[v] = v_load_masked(x + v * VL, v_first(n - v * VL));
        }
    }
    return b;
}

AS_INLINE as_row_block as_row_splat(real x)
{
    as_row_block b;
    AS_EACH_V(v)
    {
        b.v[v] = v_splat(x);
    }
    return b;
}

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

AS_INLINE real as_row_finish(const as_row_block *a)
{
    real sums[AS_ROW_BLOCK];
    AS_EACH_V(v)
    {
        v_store(sums + v * VL, a->v[v]);
    }
    return as_row_tree(sums);
}

/* Largest of x[0..n), -inf for n = 0. NaN is passed over: whoever uses x after it meets the NaN itself. */
static inline real as_row_max(int64_t n, const real *x)
{
    as_row_block a = as_row_splat(-AS_INF);
    real largest[AS_ROW_BLOCK];
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= n; j += AS_ROW_BLOCK) {
        AS_EACH_V(v)
        {
            a.v[v] = v_max(v_load(x + j + v * VL), a.v[v]);
        }
    }
    AS_EACH_V(v)
    {
        v_store(largest + v * VL, a.v[v]);
    }
    for (int k = 0; j + k < n; k++) {
        largest[k] = x[j + k] > largest[k] ? x[j + k] : largest[k];
    }
    for (int half = AS_ROW_BLOCK / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            largest[k] = largest[k + half] > largest[k] ? largest[k + half] : largest[k];
        }
    }
    return largest[0];
}

/* Sum of x[0..n); 0 for n = 0. */
static inline real as_row_sum(int64_t n, const real *x)
{
    as_row_block a = as_row_splat(0);
    for (int64_t j = 0; j < n; j += AS_ROW_BLOCK) {
        const as_row_block b = as_row_load(n - j, x + j);
        AS_EACH_V(v)
        {
            a.v[v] += b.v[v];
        }
    }
    return as_row_finish(&a);
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

/* Sum of x[i] y[i]: fma into the 16 accumulators. */
AS_INLINE as_row_block as_row_dot_block(int64_t n, const real *x, const real *y)
{
    as_row_block a = as_row_splat(0);
    for (int64_t j = 0; j < n; j += AS_ROW_BLOCK) {
        const as_row_block b = as_row_load(n - j, x + j), c = as_row_load(n - j, y + j);
        AS_EACH_V(v)
        {
            a.v[v] = v_fma(b.v[v], c.v[v], a.v[v]);
        }
    }
    return a;
}

static inline real as_row_dot(int64_t n, const real *x, const real *y)
{
    const as_row_block a = as_row_dot_block(n, x, y);
    return as_row_finish(&a);
}

/* y[j] = e^(x[j] - shift) (y may be x, or NULL: not kept); returns their sum. */
static inline real as_row_exp(int64_t n, const real *x, real shift, real *y)
{
    as_row_block a = as_row_splat(0);
    const vreal less = v_splat(shift);
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= n; j += AS_ROW_BLOCK) {
        AS_EACH_V(v)
        {
            const vreal e = v_exp(v_load(x + j + v * VL) - less);
            a.v[v] += e;
            if (y != NULL) {
                v_store(y + j + v * VL, e);
            }
        }
    }
    if (j < n) {
        real last[AS_ROW_BLOCK];
        as_row_block b = as_row_load(n - j, x + j);
        AS_EACH_V(v)
        {
            v_store(last + v * VL, v_exp(b.v[v] - less));
        }
        b = as_row_load(n - j, last);
        AS_EACH_V(v)
        {
            a.v[v] += b.v[v];
        }
        if (y != NULL) {
            memcpy(y + j, last, (size_t)(n - j) * sizeof *y);
        }
    }
    return as_row_finish(&a);
}

/* y = softmax(x); y may be x. A row with NaN or +inf, or of -inf alone, gives NaN throughout. */
static inline void as_row_softmax(int64_t n, const real *x, real *y)
{
    const real sum = as_row_exp(n, x, as_row_max(n, x), y), inverse = AS_R(1) / sum;
    for (int64_t j = 0; j < n; j++) {
        y[j] *= inverse;
    }
}

#endif
