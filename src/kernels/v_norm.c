/* Normalisation by rows and by channels; norm.h has the definitions. Vectors run over a row or over channels, so that a
   chain over rows or positions is one element of a vector. */
#include "kernels/norm.h"

#include "kernels/rowwise.h"
#include "kernels/table.h"
#include "kernels/team.h"

/* Sum of (x[j] - mean)^2 by fma. */
static real row_squares(int64_t n, const real *x, real mean)
{
    const vreal m = v_splat(mean);
    as_row_block a = as_row_splat(0);
    int64_t j = 0;
    for (; j + AS_ROW_BLOCK <= n; j += AS_ROW_BLOCK) {
        AS_EACH_V(v)
        {
            const vreal d = v_load(x + j + v * VL) - m;
            a.v[v] = v_fma(d, d, a.v[v]);
        }
    }
    if (j < n) {
        real last[AS_ROW_BLOCK];
        for (int k = 0; k < AS_ROW_BLOCK; k++) {
            last[k] = j + k < n ? x[j + k] - mean : 0;
        }
        AS_EACH_V(v)
        {
            const vreal d = v_load(last + v * VL);
            a.v[v] = v_fma(d, d, a.v[v]);
        }
    }
    return as_row_finish(&a);
}

static void rows_forward(const as_norm_rows *a)
{
    const real *const gamma = a->gamma, *const beta = a->beta;
    for (int64_t i = 0; i < a->rows; i++) {
        const real *const x = (const real *)a->x + i * a->ldx;
        real *const y = (real *)a->y + i * a->ldy, *const stat = (real *)a->stat + i * a->lds;
        const real mean = a->centre ? as_row_sum(a->n, x) / (real)a->n : 0;
        const real r = 1 / as_sqrt(row_squares(a->n, x, mean) / (real)a->n + (real)a->eps);
        const vreal m = v_splat(mean), scale = v_splat(r);
        V_MAP(a->n, j, mask, {
            const vreal shift = beta == NULL ? v_splat(0) : v_load_masked(beta + j, mask);
            const vreal h = (v_load_masked(x + j, mask) - m) * scale;
            v_store_masked(y + j, v_fma(h, v_load_masked(gamma + j, mask), shift), mask);
        })
        stat[0] = mean;
        stat[1] = r;
    }
}

static void rows_backward(const as_norm_rows *a)
{
    const real *const gamma = a->gamma;
    for (int64_t i = 0; i < a->rows; i++) {
        const real *const x = (const real *)a->x + i * a->ldx, *const dy = (const real *)a->dy + i * a->ldy;
        const real *const stat = (const real *)a->stat + i * a->lds;
        real *const dx = (real *)a->dx + i * a->ldx;
        const vreal mean = v_splat(stat[0]), r = v_splat(stat[1]);
        as_row_block sum = as_row_splat(0), dot = as_row_splat(0);
        for (int64_t j = 0; j < a->n; j += AS_ROW_BLOCK) {
            const as_row_block d = as_row_load(a->n - j, dy + j), c = as_row_load(a->n - j, gamma + j),
                               z = as_row_load(a->n - j, x + j);
            AS_EACH_V(v)
            {
                const vreal g = d.v[v] * c.v[v];
                sum.v[v] += g;
                dot.v[v] = v_fma(g, (z.v[v] - mean) * r, dot.v[v]);
            }
        }
        const vreal level = v_splat(a->centre ? as_row_finish(&sum) / (real)a->n : 0);
        const vreal slope = v_splat(as_row_finish(&dot) / (real)a->n);
        V_MAP(a->n, j, mask, {
            const vreal g = v_load_masked(dy + j, mask) * v_load_masked(gamma + j, mask);
            const vreal h = (v_load_masked(x + j, mask) - mean) * r;
            const vreal d = r * (g - v_fma(h, slope, level));
            v_store_masked(dx + j, a->add ? v_load_masked(dx + j, mask) + d : d, mask);
        })
    }
}

enum { WIDE = 4, WIDTH = WIDE * VL }; /* columns at a time: WIDE vectors */

/* dgamma and dbeta of WIDTH columns. */
typedef struct columns {
    vreal gamma[WIDE], beta[WIDE];
} columns;

static columns columns_load(const as_norm_sums *a, int64_t j)
{
    columns c;
    for (int v = 0; v < WIDE; v++) {
        const vmask m = v_first(a->n - j - v * VL);
        c.gamma[v] = a->resume ? v_load_masked((const real *)a->dgamma[0] + j + v * VL, m) : v_splat(0);
        c.beta[v] =
            a->resume && a->dbeta != NULL ? v_load_masked((const real *)a->dbeta[0] + j + v * VL, m) : v_splat(0);
    }
    return c;
}

static void columns_store(const as_norm_sums *a, int64_t j, int part, const columns *c)
{
    for (int v = 0; v < WIDE; v++) {
        const vmask m = v_first(a->n - j - v * VL);
        v_store_masked((real *)a->dgamma[part] + j + v * VL, c->gamma[v], m);
        if (a->dbeta != NULL) {
            v_store_masked((real *)a->dbeta[part] + j + v * VL, c->beta[v], m);
        }
    }
}

/* Rows [first, end) added to the columns from j. */
static void columns_add(const as_norm_sums *a, int64_t j, int64_t first, int64_t end, columns *c)
{
    vmask m[WIDE];
    columns s = *c;
    _Pragma("GCC unroll 4") for (int v = 0; v < WIDE; v++)
    {
        m[v] = v_first(a->n - j - v * VL);
    }
    for (int64_t i = first; i < end; i++) {
        const real *const x = (const real *)a->x + i * a->ldx + j, *const dy = (const real *)a->dy + i * a->ldy + j;
        const real *const stat = (const real *)a->stat + i * a->lds;
        const vreal mean = v_splat(stat[0]), r = v_splat(stat[1]);
        _Pragma("GCC unroll 4") for (int v = 0; v < WIDE; v++)
        {
            const vreal d = v_load_masked(dy + v * VL, m[v]);
            s.gamma[v] = v_fma(d, (v_load_masked(x + v * VL, m[v]) - mean) * r, s.gamma[v]);
            s.beta[v] += d;
        }
    }
    *c = s;
}

static void rows_sums(const as_norm_sums *a)
{
    int64_t begin, count;
    as_team_share(a->n, WIDTH, a->thread, a->threads, &begin, &count);
    columns stack[AS_TREE_DEPTH_MAX];
    for (int64_t j = begin; j < begin + count; j += WIDTH) {
        int top = 0, parts = 0;
        for (int s = 0; s < a->program->steps; s++) {
            const int step = a->program->step[s];
            if (step >= 0) {
                stack[top] = columns_load(a, j);
                columns_add(a, j, a->lane_row[step], a->lane_row[step + 1], &stack[top++]);
            } else if (step == AS_TREE_MERGE) {
                top--;
                for (int v = 0; v < WIDE; v++) {
                    stack[top - 1].gamma[v] += stack[top].gamma[v];
                    stack[top - 1].beta[v] += stack[top].beta[v];
                }
            } else {
                columns_store(a, j, parts++, &stack[--top]);
            }
        }
    }
}

/* Adds the chains of one sample to sums of WIDTH channels in double. */
static void add_chains(int64_t left, const vreal chain[WIDE], double *sum)
{
    real s[WIDTH];
    for (int v = 0; v < WIDE; v++) {
        v_store(s + v * VL, chain[v]);
    }
    for (int64_t k = 0; k < WIDTH && k < left; k++) {
        sum[k] += (double)s[k];
    }
}

/* WIDE vectors of channel numbers: p[c + k], 0 beyond `left` and for p NULL. */
static void load_channels(const real *p, int64_t left, vreal out[WIDE])
{
    for (int v = 0; v < WIDE; v++) {
        out[v] = p == NULL ? v_splat(0) : v_load_masked(p + v * VL, v_first(left - v * VL));
    }
}

static void channel_moments(const as_norm_block *b, const void *x, const void *shift, bool squares, double *sum)
{
    for (int64_t c = 0; c < b->channels; c += WIDTH) {
        const int64_t left = b->channels - c;
        const int vectors = left >= WIDTH ? WIDE : (int)((left + VL - 1) / VL);
        vreal less[WIDE];
        load_channels(shift == NULL ? NULL : (const real *)shift + c, left, less);
        for (int64_t i = 0; i < b->samples; i++) {
            const real *p = (const real *)x + i * b->ld + c;
            vreal chain[WIDE] = {{0}};
            for (int64_t t = 0; t < b->positions; t++, p += b->channels) {
                _Pragma("GCC unroll 4") for (int v = 0; v < WIDE; v++)
                {
                    if (v < vectors) {
                        const vreal d = v_load_masked(p + v * VL, v_first(left - v * VL)) - less[v];
                        chain[v] = squares ? v_fma(d, d, chain[v]) : chain[v] + d;
                    }
                }
            }
            add_chains(left, chain, sum + c);
        }
    }
}

static void channel_gradient_moments(const as_norm_block *b, const void *x, const void *mean, const void *y, void *dy,
                                     int64_t ldy, double *sum, double *dot)
{
    for (int64_t c = 0; c < b->channels; c += WIDTH) {
        const int64_t left = b->channels - c;
        const int vectors = left >= WIDTH ? WIDE : (int)((left + VL - 1) / VL);
        vreal less[WIDE];
        load_channels((const real *)mean + c, left, less);
        for (int64_t i = 0; i < b->samples; i++) {
            const real *p = (const real *)x + i * b->ld + c;
            const real *q = y == NULL ? NULL : (const real *)y + i * ldy + c;
            real *g = (real *)dy + i * ldy + c;
            vreal chain[WIDE] = {{0}}, product[WIDE] = {{0}};
            for (int64_t t = 0; t < b->positions; t++) {
                _Pragma("GCC unroll 4") for (int v = 0; v < WIDE; v++)
                {
                    if (v < vectors) {
                        const vmask m = v_first(left - v * VL);
                        vreal d = v_load_masked(g + v * VL, m);
                        if (q != NULL) {
                            d = v_choose((vbits)(v_load_masked(q + v * VL, m) <= v_splat(0)), v_splat(0), d);
                            v_store_masked(g + v * VL, d, m);
                        }
                        chain[v] += d;
                        product[v] = v_fma(d, v_load_masked(p + v * VL, m) - less[v], product[v]);
                    }
                }
                p += b->channels;
                g += b->channels;
                q = q == NULL ? NULL : q + b->channels;
            }
            add_chains(left, chain, sum + c);
            add_chains(left, product, dot + c);
        }
    }
}

static void channel_apply(const as_norm_block *b, const void *x, const void *mean, const void *scale, const void *beta,
                          const void *plus, int64_t ldp, bool relu, void *y, int64_t ldy)
{
    const real *const less = mean, *const factor = scale, *const shift = beta;
    for (int64_t i = 0; i < b->samples; i++) {
        for (int64_t t = 0; t < b->positions; t++) {
            const real *const in = (const real *)x + i * b->ld + t * b->channels;
            const real *const more = plus == NULL ? NULL : (const real *)plus + i * ldp + t * b->channels;
            real *const out = (real *)y + i * ldy + t * b->channels;
            V_MAP(b->channels, c, m, {
                vreal v = v_fma(v_load_masked(in + c, m) - v_load_masked(less + c, m), v_load_masked(factor + c, m),
                                v_load_masked(shift + c, m));
                v = more == NULL ? v : v + v_load_masked(more + c, m);
                v_store_masked(out + c, relu ? v_relu(v) : v, m);
            })
        }
    }
}

static void channel_backward(const as_norm_block *b, const void *x, const void *mean, const void *scale,
                             const void *slope, const void *level, const void *dy, int64_t ldy, void *dx)
{
    const real *const less = mean, *const factor = scale, *const steep = slope, *const base = level;
    for (int64_t i = 0; i < b->samples; i++) {
        for (int64_t t = 0; t < b->positions; t++) {
            const real *const in = (const real *)x + i * b->ld + t * b->channels;
            const real *const g = (const real *)dy + i * ldy + t * b->channels;
            real *const out = (real *)dx + i * b->ld + t * b->channels;
            V_MAP(b->channels, c, m, {
                const vreal d = v_load_masked(in + c, m) - v_load_masked(less + c, m);
                const vreal rest = v_fma(d, v_load_masked(steep + c, m), v_load_masked(base + c, m));
                v_store_masked(out + c, v_load_masked(g + c, m) * v_load_masked(factor + c, m) - rest, m);
            })
        }
    }
}

const as_norm_kernels AS_V(as_norm) = {
    .rows_forward = rows_forward,
    .rows_backward = rows_backward,
    .rows_sums = rows_sums,
    .channel_moments = channel_moments,
    .channel_apply = channel_apply,
    .channel_gradient_moments = channel_gradient_moments,
    .channel_backward = channel_backward,
};
