/* The oracle of attention: its definition (attention.h), one query at a time. v_attention.c must equal it bit for bit.
 */
#include "kernels/attention.h"
#include "kernels/rowwise.h"
#include "kernels/table.h"

static bool sees(const as_attention *a, const uint8_t *mask, int64_t i, int64_t j)
{
    return (mask == NULL || mask[j] != 0) && (!a->causal || j <= i + a->keys - a->queries);
}

static real chain(int64_t n, const real *x, const real *y)
{
    real s = 0;
    for (int64_t d = 0; d < n; d++) {
        s = as_fma(x[d], y[d], s);
    }
    return s;
}

void AS_V(as_attention_forward_plain)(const as_attention *a, const as_attention_arrays *x)
{
    const int64_t group = a->heads / a->kv_heads, w = a->width;
    real *const p = x->work;
    for (int64_t h = x->first * group; h < (x->first + x->count) * group; h++) {
        const real *const q = (const real *)x->q + h * w, *const k = (const real *)x->k + h / group * w,
                          *const v = (const real *)x->v + h / group * w;
        for (int64_t i = 0; i < a->queries; i++) {
            real max = -AS_INF, sums[AS_ROW_BLOCK] = {0};
            for (int64_t j = 0; j < a->keys; j++) {
                p[j] = sees(a, x->mask, i, j) ? (real)a->scale * chain(w, q + i * a->ldq, k + j * a->ldk) : -AS_INF;
                max = p[j] > max ? p[j] : max;
            }
            for (int64_t j = 0; j < a->keys; j++) {
                if (sees(a, x->mask, i, j)) {
                    p[j] = as_exp_normal(p[j] - max);
                    sums[j % AS_ROW_BLOCK] += p[j];
                }
            }
            const real sum = as_row_tree(sums);
            for (int64_t d = 0; d < w; d++) {
                real o = 0;
                for (int64_t j = 0; j < a->keys; j++) {
                    o = sees(a, x->mask, i, j) ? as_fma(p[j], v[j * a->ldv + d], o) : o;
                }
                ((real *)x->o)[i * a->ldo + h * w + d] = sum == 0 ? 0 : (o + 0) * (1 / sum);
            }
            ((real *)x->lse)[i * a->ldl + h] = sum == 0 ? -AS_INF : max + as_log(sum);
        }
    }
}

/* Adds query i of head h to dk and dv of its group, and writes its dq. */
static void backward_query(const as_attention *a, const as_attention_arrays *x, int64_t h, int64_t i)
{
    const int64_t w = a->width, g = h / (a->heads / a->kv_heads);
    const real *const q = (const real *)x->q + i * a->ldq + h * w, *const k = (const real *)x->k + g * w,
                      *const v = (const real *)x->v + g * w, *const o = (const real *)x->o + i * a->ldo + h * w,
                      *const d_o = (const real *)x->d_o + i * a->ldo + h * w, scale = (real)a->scale;
    real *const dq = (real *)x->dq + i * a->ldq + h * w, *const dk = (real *)x->dk + g * w,
                *const dv = (real *)x->dv + g * w;
    const real lse = ((const real *)x->lse)[i * a->ldl + h], less = as_row_dot(w, d_o, o);
    memset(dq, 0, (size_t)w * sizeof(real));
    for (int64_t j = 0; j < a->keys; j++) {
        if (!sees(a, x->mask, i, j)) {
            continue;
        }
        const real p = as_exp_normal(scale * chain(w, q, k + j * a->ldk) - lse);
        const real ds = p * (chain(w, d_o, v + j * a->ldv) - less);
        for (int64_t d = 0; d < w; d++) {
            dq[d] = as_fma(ds, k[j * a->ldk + d], dq[d]);
            dk[j * a->ldk + d] = as_fma(ds, q[d], dk[j * a->ldk + d]);
            dv[j * a->ldv + d] = as_fma(p, d_o[d], dv[j * a->ldv + d]);
        }
    }
    for (int64_t d = 0; d < w; d++) {
        dq[d] = (dq[d] + 0) * scale;
    }
}

void AS_V(as_attention_backward_plain)(const as_attention *a, const as_attention_arrays *x)
{
    const int64_t group = a->heads / a->kv_heads, w = a->width;
    for (int64_t g = x->first; g < x->first + x->count; g++) {
        real *const dk = (real *)x->dk + g * w, *const dv = (real *)x->dv + g * w;
        for (int64_t j = 0; j < a->keys; j++) {
            memset(dk + j * a->ldk, 0, (size_t)w * sizeof(real));
            memset(dv + j * a->ldv, 0, (size_t)w * sizeof(real));
        }
        for (int64_t h = g * group; h < (g + 1) * group; h++) {
            for (int64_t i = 0; i < a->queries; i++) {
                backward_query(a, x, h, i);
            }
        }
        for (int64_t j = 0; j < a->keys; j++) {
            for (int64_t d = 0; d < w; d++) {
                dk[j * a->ldk + d] = (dk[j * a->ldk + d] + 0) * (real)a->scale;
                dv[j * a->ldv + d] += 0;
            }
        }
    }
}
