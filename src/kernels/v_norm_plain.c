/* The oracles of normalisation: the definitions of norm.h, element by element. v_norm.c must equal them bit for bit. */
#include "kernels/norm.h"
#include "kernels/rowwise.h"
#include "kernels/table.h"

static void rows_forward(const as_norm_rows *a)
{
    for (int64_t i = 0; i < a->rows; i++) {
        const real *const x = (const real *)a->x + i * a->ldx;
        real *const y = (real *)a->y + i * a->ldy, *const stat = (real *)a->stat + i * a->lds;
        real sum[AS_ROW_BLOCK] = {0}, square[AS_ROW_BLOCK] = {0};
        for (int64_t j = 0; j < a->n; j++) {
            sum[j % AS_ROW_BLOCK] += x[j];
        }
        stat[0] = a->centre ? as_row_tree(sum) / (real)a->n : 0;
        for (int64_t j = 0; j < a->n; j++) {
            square[j % AS_ROW_BLOCK] = as_fma(x[j] - stat[0], x[j] - stat[0], square[j % AS_ROW_BLOCK]);
        }
        stat[1] = 1 / as_sqrt(as_row_tree(square) / (real)a->n + (real)a->eps);
        for (int64_t j = 0; j < a->n; j++) {
            y[j] = as_fma((x[j] - stat[0]) * stat[1], ((const real *)a->gamma)[j],
                          a->beta == NULL ? 0 : ((const real *)a->beta)[j]);
        }
    }
}

static void rows_backward(const as_norm_rows *a)
{
    for (int64_t i = 0; i < a->rows; i++) {
        const real *const x = (const real *)a->x + i * a->ldx, *const dy = (const real *)a->dy + i * a->ldy;
        const real *const gamma = a->gamma, mean = ((const real *)a->stat)[i * a->lds],
                          r = ((const real *)a->stat)[i * a->lds + 1];
        real *const dx = (real *)a->dx + i * a->ldx;
        real sum[AS_ROW_BLOCK] = {0}, dot[AS_ROW_BLOCK] = {0};
        for (int64_t j = 0; j < a->n; j++) {
            sum[j % AS_ROW_BLOCK] += dy[j] * gamma[j];
            dot[j % AS_ROW_BLOCK] = as_fma(dy[j] * gamma[j], (x[j] - mean) * r, dot[j % AS_ROW_BLOCK]);
        }
        const real level = a->centre ? as_row_tree(sum) / (real)a->n : 0, slope = as_row_tree(dot) / (real)a->n;
        for (int64_t j = 0; j < a->n; j++) {
            const real d = r * (dy[j] * gamma[j] - as_fma((x[j] - mean) * r, slope, level));
            dx[j] = a->add ? dx[j] + d : d;
        }
    }
}

/* Column j of one lane. */
static void lane_sums(const as_norm_sums *a, int lane, int64_t j, real *gamma, real *beta)
{
    for (int64_t i = a->lane_row[lane]; i < a->lane_row[lane + 1]; i++) {
        const real *const stat = (const real *)a->stat + i * a->lds;
        const real dy = ((const real *)a->dy)[i * a->ldy + j], x = ((const real *)a->x)[i * a->ldx + j];
        *gamma = as_fma(dy, (x - stat[0]) * stat[1], *gamma);
        *beta += dy;
    }
}

static void rows_sums(const as_norm_sums *a)
{
    for (int64_t j = 0; j < a->n && a->thread == 0; j++) {
        real gamma[AS_TREE_DEPTH_MAX], beta[AS_TREE_DEPTH_MAX];
        int top = 0, part = 0;
        for (int s = 0; s < a->program->steps; s++) {
            const int step = a->program->step[s];
            if (step >= 0) {
                gamma[top] = a->resume ? ((const real *)a->dgamma[0])[j] : 0;
                beta[top] = a->resume && a->dbeta != NULL ? ((const real *)a->dbeta[0])[j] : 0;
                lane_sums(a, step, j, &gamma[top], &beta[top]);
                top++;
            } else if (step == AS_TREE_MERGE) {
                top--;
                gamma[top - 1] += gamma[top];
                beta[top - 1] += beta[top];
            } else {
                top--;
                ((real *)a->dgamma[part])[j] = gamma[top];
                if (a->dbeta != NULL) {
                    ((real *)a->dbeta[part])[j] = beta[top];
                }
                part++;
            }
        }
    }
}

static void channel_moments(const as_norm_block *b, const void *x, const void *shift, bool squares, double *sum)
{
    for (int64_t c = 0; c < b->channels; c++) {
        const real less = shift == NULL ? 0 : ((const real *)shift)[c];
        for (int64_t i = 0; i < b->samples; i++) {
            real chain = 0;
            for (int64_t t = 0; t < b->positions; t++) {
                const real d = ((const real *)x)[i * b->ld + t * b->channels + c] - less;
                chain = squares ? as_fma(d, d, chain) : chain + d;
            }
            sum[c] += (double)chain;
        }
    }
}

static void channel_gradient_moments(const as_norm_block *b, const void *x, const void *mean, const void *y, void *dy,
                                     int64_t ldy, double *sum, double *dot)
{
    for (int64_t c = 0; c < b->channels; c++) {
        for (int64_t i = 0; i < b->samples; i++) {
            real chain = 0, product = 0;
            for (int64_t t = 0; t < b->positions; t++) {
                const int64_t at = t * b->channels + c;
                real *const d = (real *)dy + i * ldy + at;
                *d = y != NULL && ((const real *)y)[i * ldy + at] <= 0 ? 0 : *d;
                chain += *d;
                product = as_fma(*d, ((const real *)x)[i * b->ld + at] - ((const real *)mean)[c], product);
            }
            sum[c] += (double)chain;
            dot[c] += (double)product;
        }
    }
}

static void channel_apply(const as_norm_block *b, const void *x, const void *mean, const void *scale, const void *beta,
                          const void *plus, int64_t ldp, bool relu, void *y, int64_t ldy)
{
    for (int64_t i = 0; i < b->samples; i++) {
        for (int64_t e = 0; e < b->positions * b->channels; e++) {
            const int64_t c = e % b->channels;
            real v = as_fma(((const real *)x)[i * b->ld + e] - ((const real *)mean)[c], ((const real *)scale)[c],
                            ((const real *)beta)[c]);
            v = plus == NULL ? v : v + ((const real *)plus)[i * ldp + e];
            ((real *)y)[i * ldy + e] = relu && v < 0 ? 0 : v;
        }
    }
}

static void channel_backward(const as_norm_block *b, const void *x, const void *mean, const void *scale,
                             const void *slope, const void *level, const void *dy, int64_t ldy, void *dx)
{
    for (int64_t i = 0; i < b->samples; i++) {
        for (int64_t e = 0; e < b->positions * b->channels; e++) {
            const int64_t c = e % b->channels;
            const real d = ((const real *)x)[i * b->ld + e] - ((const real *)mean)[c];
            ((real *)dx)[i * b->ld + e] = ((const real *)dy)[i * ldy + e] * ((const real *)scale)[c] -
                                          as_fma(d, ((const real *)slope)[c], ((const real *)level)[c]);
        }
    }
}

const as_norm_kernels AS_V(as_norm_plain) = {
    .rows_forward = rows_forward,
    .rows_backward = rows_backward,
    .rows_sums = rows_sums,
    .channel_moments = channel_moments,
    .channel_apply = channel_apply,
    .channel_gradient_moments = channel_gradient_moments,
    .channel_backward = channel_backward,
};
