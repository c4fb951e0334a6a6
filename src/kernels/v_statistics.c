/* Passes of statistical models (statistics.h). Sums of classes run along the columns of one row after the other; what
   is done for rows by themselves runs along VL rows at a time, ROWS such vectors and two columns of a factor, or two
   centres, at once. Cost a row: 5 d flops for moments, 3 k d for the nearest of k centres, d^2 for a density. */

#include "base/rng.h"
#include "kernels/rowwise.h"
#include "kernels/statistics.h"
#include "kernels/transpose.h"

#if AS_PRECISION == 64

enum { ROWS = 4 };
#define EACH_ROW(r) _Pragma("GCC unroll 4") for (int r = 0; r < R; r++)

static void moments(int64_t count, int64_t d, const double *x, const int32_t *label, const double *weight, double *sum,
                    int64_t stride)
{
    for (int64_t i = 0; i < count; i++, x += d) {
        double *restrict const p = sum + (label != NULL ? label[i] : 0) * stride;
        double *restrict const mean = p + 1, *restrict const square = p + 1 + d;
        if (!(weight[i] > 0)) {
            continue;
        }
        p[0] += weight[i];
        const double w = weight[i], share = w / p[0];
        const vreal vw = v_splat(w), vs = v_splat(share);
        int64_t j = 0;
        for (; j + VL <= d; j += VL) {
            const vreal at = v_load(x + j), m = v_load(mean + j), delta = at - m, next = m + delta * vs;
            v_store(mean + j, next);
            v_store(square + j, v_load(square + j) + vw * delta * (at - next));
        }
        for (; j < d; j++) {
            const double delta = x[j] - mean[j];
            mean[j] += delta * share;
            square[j] += w * delta * (x[j] - mean[j]);
        }
    }
}

static void sums(int64_t count, int64_t d, const double *x, const int32_t *label, const double *weight, double *sum,
                 int64_t stride)
{
    for (int64_t i = 0; i < count; i++, x += d) {
        double *restrict const p = sum + (label != NULL ? label[i] : 0) * stride;
        const vreal w = v_splat(weight[i]);
        int64_t j = 0;
        p[0] += weight[i];
        for (; j + VL <= d; j += VL) {
            v_store(p + 1 + j, v_fma(w, v_load(x + j), v_load(p + 1 + j)));
        }
        for (; j < d; j++) {
            p[1 + j] = as_fma(weight[i], x[j], p[1 + j]);
        }
    }
}

static void moves(int64_t count, int64_t d, const double *x, const int32_t *label, const double *weight,
                  const double *center, double *sum, int64_t stride)
{
    for (int64_t i = 0; i < count; i++, x += d) {
        double *restrict const p = sum + label[i] * stride;
        const double *const c = center + label[i] * d;
        const vreal w = v_splat(weight[i]);
        int64_t j = 0;
        p[0] += weight[i];
        for (; j + VL <= d; j += VL) {
            v_store(p + 1 + j, v_fma(w, v_load(x + j) - v_load(c + j), v_load(p + 1 + j)));
        }
        for (; j < d; j++) {
            p[1 + j] = as_fma(weight[i], x[j] - c[j], p[1 + j]);
        }
    }
}

enum { LINE = 64 / sizeof(double), AHEAD = 64 };

static void columns(int64_t count, int64_t d, const double *x, double *t)
{
    const int64_t padded = (count + AS_ROW_BLOCK - 1) / AS_ROW_BLOCK * AS_ROW_BLOCK;
    for (int64_t i = 0; i < padded; i += VL) {
        const int64_t some = count - i < VL ? count - i : VL;
        for (int64_t j = 0; j < VL * d; j += LINE) { /* rows that come next are read from memory meanwhile */
            __builtin_prefetch(x + (i + AHEAD) * d + j);
        }
        v_transpose(some > 0 ? some : 0, d, x + i * d, d, t + i, AS_COLUMNS);
    }
}

/* C centres from c on, against R vectors of rows; best and which are the nearest so far. */
AS_INLINE void nearest_block(const int R, const int C, int64_t d, int64_t c, const double *t, const double *center,
                             vreal best[ROWS], vreal which[ROWS])
{
    vreal sum[2][ROWS] = {{v_splat(0)}};
    for (int64_t j = 0; j < d; j++) {
        EACH_ROW(r)
        {
            const vreal x = v_load(t + j * AS_COLUMNS + r * VL);
            for (int m = 0; m < C; m++) {
                const vreal delta = x - v_splat(center[(c + m) * d + j]);
                sum[m][r] = v_fma(delta, delta, sum[m][r]);
            }
        }
    }
    for (int m = 0; m < C; m++) {
        EACH_ROW(r)
        {
            const vbits nearer = (vbits)(sum[m][r] < best[r]);
            best[r] = v_choose(nearer, sum[m][r], best[r]);
            which[r] = v_choose(nearer, v_splat((double)(c + m)), which[r]);
        }
    }
}

AS_INLINE void nearest_rows(const int R, int64_t d, int64_t k, const double *t, const double *center, double *index,
                            double *square)
{
    vreal best[ROWS], which[ROWS];
    EACH_ROW(r)
    {
        best[r] = v_splat(AS_INF);
        which[r] = v_splat(0);
    }
    int64_t c = 0;
    for (; c + 2 <= k; c += 2) {
        nearest_block(R, 2, d, c, t, center, best, which);
    }
    if (c < k) {
        nearest_block(R, 1, d, c, t, center, best, which);
    }
    EACH_ROW(r)
    {
        v_store(index + r * VL, which[r]);
        v_store(square + r * VL, best[r]);
    }
}

static void nearest(int64_t count, int64_t d, int64_t k, const double *t, const double *center, int32_t *label,
                    double *square)
{
    _Alignas(64) double index[ROWS * VL], distance[ROWS * VL];
    for (int64_t i = 0; i < count; i += ROWS * VL) {
        const int64_t some = count - i < ROWS * VL ? count - i : ROWS * VL;
        if (some > (ROWS - 1) * VL) {
            nearest_rows(ROWS, d, k, t + i, center, index, distance);
        } else {
            for (int64_t r = 0; r < some; r += VL) {
                nearest_rows(1, d, k, t + i + r, center, index + r, distance + r);
            }
        }
        for (int64_t r = 0; r < some; r++) {
            label[i + r] = (int32_t)index[r];
            square[i + r] = distance[r];
        }
    }
}

/* Columns j and j + 1 (C = 2), or j alone, of delta P, whose squares are added. P below its diagonal is zero. */
AS_INLINE void factor_block(const int R, const int C, int64_t d, int64_t j, const double *delta, const double *p,
                            vreal square[ROWS])
{
    vreal y[2][ROWS] = {{v_splat(0)}};
    for (int64_t i = 0; i < j + C; i++) {
        EACH_ROW(r)
        {
            const vreal at = v_load(delta + (i * R + r) * VL);
            for (int m = 0; m < C; m++) {
                y[m][r] = v_fma(v_splat(p[i * d + j + m]), at, y[m][r]);
            }
        }
    }
    for (int m = 0; m < C; m++) {
        EACH_ROW(r)
        {
            square[r] = v_fma(y[m][r], y[m][r], square[r]);
        }
    }
}

enum { DELTA_MOST = 64 }; /* columns whose differences fit the stack */

AS_INLINE void quadratic_rows(const int R, int64_t d, const double *t, const double *mean, const double *p, double *out)
{
    _Alignas(64) double delta[DELTA_MOST * ROWS * VL];
    vreal square[ROWS] = {v_splat(0)};
    for (int64_t j = 0; j < d; j++) {
        EACH_ROW(r)
        {
            v_store(delta + (j * R + r) * VL, v_load(t + j * AS_COLUMNS + r * VL) - v_splat(mean[j]));
        }
    }
    int64_t j = 0;
    for (; j + 2 <= d; j += 2) {
        factor_block(R, 2, d, j, delta, p, square);
    }
    if (j < d) {
        factor_block(R, 1, d, j, delta, p, square);
    }
    EACH_ROW(r)
    {
        v_store(out + r * VL, square[r]);
    }
}

/* The same for many columns, differences anew for each. */
static void quadratic_wide(int64_t d, const double *t, const double *mean, const double *p, double *out)
{
    vreal square = v_splat(0);
    for (int64_t j = 0; j < d; j++) {
        vreal y = v_splat(0);
        for (int64_t i = 0; i <= j; i++) {
            y = v_fma(v_splat(p[i * d + j]), v_load(t + i * AS_COLUMNS) - v_splat(mean[i]), y);
        }
        square = v_fma(y, y, square);
    }
    v_store(out, square);
}

static void quadratic(int64_t count, int64_t d, const double *t, const double *mean, const double *p, double *square)
{
    int64_t i = 0;
    for (; d <= DELTA_MOST && i + (ROWS - 1) * VL < count && i + ROWS * VL <= AS_COLUMNS; i += ROWS * VL) {
        quadratic_rows(ROWS, d, t + i, mean, p, square + i);
    }
    for (; i < count; i += VL) {
        if (d <= DELTA_MOST) {
            quadratic_rows(1, d, t + i, mean, p, square + i);
        } else {
            quadratic_wide(d, t + i, mean, p, square + i);
        }
    }
}

static void diagonal(int64_t count, int64_t d, const double *t, const double *mean, const double *p, double *square)
{
    for (int64_t i = 0; i < count; i += VL) {
        vreal sum = v_splat(0);
        for (int64_t j = 0; j < d; j++) {
            const vreal y = (v_load(t + j * AS_COLUMNS + i) - v_splat(mean[j])) * v_splat(p[j]);
            sum = v_fma(y, y, sum);
        }
        v_store(square + i, sum);
    }
}

static void shares(int64_t count, int64_t k, double *v, double *total)
{
    _Alignas(64) double most[AS_COLUMNS];
    for (int64_t i = 0; i < count; i += VL) {
        vreal top = v_load(v + i), sum = v_splat(0);
        for (int64_t c = 1; c < k; c++) {
            top = v_max(v_load(v + c * AS_COLUMNS + i), top);
        }
        for (int64_t c = 0; c < k; c++) {
            const vreal e = v_exp(v_load(v + c * AS_COLUMNS + i) - top);
            sum += e;
            v_store(v + c * AS_COLUMNS + i, e);
        }
        const vreal inverse = v_splat(1) / sum;
        for (int64_t c = 0; c < k; c++) {
            v_store(v + c * AS_COLUMNS + i, v_load(v + c * AS_COLUMNS + i) * inverse);
        }
        v_store(most + i, top);
        v_store(total + i, sum);
    }
    for (int64_t i = 0; i < count; i++) {
        total[i] = most[i] + as_log(total[i]);
    }
}

static void deltas(int64_t count, int64_t d, const double *x, const double *mean, const double *factor, double *delta,
                   double *scaled, double *restrict sum)
{
    for (int64_t i = 0; i < count; i++, x += d, delta += d, scaled += d) {
        const vreal f = v_splat(factor[i]);
        int64_t j = 0;
        sum[0] += factor[i];
        for (; j + VL <= d; j += VL) {
            const vreal y = v_load(x + j) - v_load(mean + j), z = f * y;
            v_store(delta + j, y);
            v_store(scaled + j, z);
            v_store(sum + 1 + j, v_load(sum + 1 + j) + z);
        }
        for (; j < d; j++) {
            delta[j] = x[j] - mean[j];
            scaled[j] = factor[i] * delta[j];
            sum[1 + j] += scaled[j];
        }
    }
}

static void squares(int64_t count, int64_t d, const double *x, const double *mean, const double *factor,
                    double *restrict sum)
{
    for (int64_t i = 0; i < count; i++, x += d) {
        const vreal f = v_splat(factor[i]);
        int64_t j = 0;
        sum[0] += factor[i];
        for (; j + VL <= d; j += VL) {
            const vreal y = v_load(x + j) - v_load(mean + j), z = f * y;
            v_store(sum + 1 + j, v_load(sum + 1 + j) + z);
            v_store(sum + 1 + d + j, v_fma(z, y, v_load(sum + 1 + d + j)));
        }
        for (; j < d; j++) {
            const double y = x[j] - mean[j], z = factor[i] * y;
            sum[1 + j] += z;
            sum[1 + d + j] = as_fma(z, y, sum[1 + d + j]);
        }
    }
}

static void uniforms(int64_t count, const int64_t *id, uint64_t seed, uint32_t purpose, uint32_t a, uint32_t b,
                     double *u)
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t word[4];
        as_rng_words(seed, (as_rng_purpose)purpose, a, b, (uint64_t)id[i], word);
        u[i] = as_rng_uniform_f64(word[0], word[1]);
    }
}

const as_statistic_kernels AS_V(as_statistic_kernels) = {
    .moments = moments,
    .sums = sums,
    .moves = moves,
    .columns = columns,
    .nearest = nearest,
    .quadratic = quadratic,
    .diagonal = diagonal,
    .shares = shares,
    .deltas = deltas,
    .squares = squares,
    .uniforms = uniforms,
};

#endif
