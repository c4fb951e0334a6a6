/* Vectors of doubles (vectors.h). Cost: one pass over memory each. */
#include "kernels/rowwise.h"
#include "kernels/vector_math.h"
#include "kernels/vectors.h"

#if AS_PRECISION == 64

static double dot(int64_t n, const double *x, const double *y)
{
    return as_row_dot(n, x, y);
}

static void axpy(int64_t n, double a, const double *restrict x, double *restrict y)
{
    int64_t j = 0;
    const vreal factor = v_splat(a);
    for (; j + VL <= n; j += VL) {
        v_store(y + j, v_fma(factor, v_load(x + j), v_load(y + j)));
    }
    for (; j < n; j++) {
        y[j] = as_fma(a, x[j], y[j]);
    }
}

static void gram_pair(int64_t n, const double *x, const double *y, double out[3])
{
    as_row_block xx = as_row_splat(0), yy = as_row_splat(0), xy = as_row_splat(0);
    for (int64_t j = 0; j < n; j += AS_ROW_BLOCK) {
        const as_row_block a = as_row_load(n - j, x + j), b = as_row_load(n - j, y + j);
        AS_EACH_V(v)
        {
            xx.v[v] = v_fma(a.v[v], a.v[v], xx.v[v]);
            yy.v[v] = v_fma(b.v[v], b.v[v], yy.v[v]);
            xy.v[v] = v_fma(a.v[v], b.v[v], xy.v[v]);
        }
    }
    out[0] = as_row_finish(&xx);
    out[1] = as_row_finish(&yy);
    out[2] = as_row_finish(&xy);
}

static void rotate(int64_t n, double c, double s, double *restrict x, double *restrict y)
{
    int64_t j = 0;
    const vreal C = v_splat(c), S = v_splat(s), minus = v_splat(-s);
    for (; j + VL <= n; j += VL) {
        const vreal a = v_load(x + j), b = v_load(y + j);
        v_store(x + j, v_fma(C, a, S * b));
        v_store(y + j, v_fma(C, b, minus * a));
    }
    for (; j < n; j++) {
        const double a = x[j], b = y[j];
        x[j] = as_fma(c, a, s * b);
        y[j] = as_fma(c, b, -s * a);
    }
}

enum { ABREAST = 4 };

/* N vectors of columns; what a rotation leaves in its upper row stays in registers for the next. */
AS_INLINE void rotate_block(const int N, int64_t count, const double *c, const double *s, double *x, int64_t ld)
{
    vreal a[ABREAST];
    AS_UNROLL
    for (int v = 0; v < N; v++) {
        a[v] = v_load(x + v * VL);
    }
    for (int64_t t = 0; t < count; t++, x -= ld) {
        const vreal C = v_splat(c[t]), S = v_splat(s[t]), minus = v_splat(-s[t]);
        AS_UNROLL
        for (int v = 0; v < N; v++) {
            const vreal b = v_load(x - ld + v * VL);
            v_store(x + v * VL, v_fma(C, a[v], S * b));
            a[v] = v_fma(C, b, minus * a[v]);
        }
    }
    AS_UNROLL
    for (int v = 0; v < N; v++) {
        v_store(x + v * VL, a[v]);
    }
}

static void rotate_up(int64_t n, int64_t count, const double *c, const double *s, double *x, int64_t ld)
{
    int64_t j = 0;
    for (; j + ABREAST * VL <= n; j += ABREAST * VL) {
        rotate_block(ABREAST, count, c, s, x + j, ld);
    }
    for (; j + VL <= n; j += VL) {
        rotate_block(1, count, c, s, x + j, ld);
    }
    for (int64_t t = 0; t < count && j < n; t++) {
        rotate(n - j, c[t], s[t], x + j - t * ld, x + j - (t + 1) * ld);
    }
}

static void exp_all(int64_t n, const double *x, double *y)
{
    V_MAP(n, j, m, v_store_masked(y + j, v_exp(v_load_masked(x + j, m)), m))
}

/* Plain loops, which compilers turn into vectors (kernels/math.h). */
static void log_all(int64_t n, const double *x, double *y)
{
    for (int64_t j = 0; j < n; j++) {
        y[j] = as_log(x[j]);
    }
}

static void log1p_all(int64_t n, const double *x, double *y)
{
    for (int64_t j = 0; j < n; j++) {
        y[j] = as_log1p(x[j]);
    }
}

const as_vectors AS_V(as_vectors) = {
    .dot = dot,
    .axpy = axpy,
    .gram_pair = gram_pair,
    .rotate = rotate,
    .rotate_up = rotate_up,
    .exp = exp_all,
    .log = log_all,
    .log1p = log1p_all,
};

#endif
