/* Components by random directions (Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 53,
   2011): block iteration on the centred scatter S = X'X, which is never formed. A pass gives S Q for the directions Q
   (d, k + oversample) that it starts with; these are then made orthonormal for the next one. In the last pass, with Q
   orthonormal, Q'S Q = V diag(t) V' gives variances t and components Q V (Rayleigh and Ritz), and each residual
   |S u - t u| bounds how far the nearest eigenvalue is: no statement about luck is needed. Rows are taken about the
   first of their lane; lanes are merged about their means. Cost of a pass: 4 d (k + oversample) flops a row, d (k +
   oversample) doubles for each lane. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/pca.h"
#include "kernels/vectors.h"
#include "math/dense.h"
#include "math/draw.h"

/* A statistic: these, then shift (d), sums about it (d), products with the directions (d, tries). */
enum { STARTED, WEIGHT, ROWS, SQUARES, HEAD };

int64_t as_pca_random_size(const as_statistic *s)
{
    const as_pca *const m = s->model;
    return HEAD + 2 * s->width + s->width * m->tries;
}

int64_t as_pca_random_scratch(const as_statistic *s)
{
    const as_pca *const m = s->model;
    return (s->chunk * (s->width + m->tries) + s->width * m->tries + 7) / 8 * 8;
}

/* Independent normals. */
as_status as_pca_random_init(as_statistic *s)
{
    as_pca *const m = s->model;
    for (int64_t j = 0; j < s->width * m->tries; j++) {
        uint32_t word[4];
        as_rng_words(s->setup.seed, AS_RNG_INIT, 0, 0, (uint64_t)j, word);
        m->basis[j] = as_normal_of_words(word);
    }
    return AS_OK;
}

void as_pca_random_rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_pca *const m = s->model;
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    const int64_t d = s->width, k = m->tries;
    double *const shift = sum + HEAD, *const first = shift + d, *const products = first + d;
    double *const x = r->scratch, *const z = x + s->chunk * d, *const part = z + s->chunk * k;
    if (sum[STARTED] == 0 && r->count > 0) {
        sum[STARTED] = 1;
        memcpy(shift, r->x, (size_t)d * sizeof *shift);
    }
    for (int64_t i = 0; i < r->count; i++) {
        const double w = r->weight[i];
        double *const row = x + i * d;
        for (int64_t j = 0; j < d; j++) {
            row[j] = r->x[i * d + j] - shift[j];
        }
        sum[WEIGHT] += w;
        sum[ROWS] += w > 0;
        sum[SQUARES] += w * V->dot(d, row, row);
        V->axpy(d, w, row, first);
    }
    s->kernels->gemm(r->count, k, d, x, d, m->packed, NULL, false, z, k);
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t j = 0; j < k; j++) {
            z[i * k + j] *= r->weight[i];
        }
    }
    int16_t step[] = {0, AS_TREE_EMIT}, lane[] = {0}, lanes[] = {1};
    const as_tree_program one = {
        .lanes = 1, .steps = 2, .parts = 1, .depth = 1, .step = step, .part_first = lane, .part_lanes = lanes};
    const int64_t lane_row[] = {0, r->count};
    void *const parts[] = {part};
    s->kernels->outer_lanes(d, k, x, d, z, k, &one, lane_row, false, parts, k, 0, 1);
    s->kernels->add(d * k, products, part, products);
}

/* products += factor v (v' basis), squares += factor |v|^2 */
static void add_outer(const as_statistic *s, double factor, const double *v, double *squares, double *products)
{
    const as_pca *const m = s->model;
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    const int64_t d = s->width, k = m->tries;
    *squares += factor * V->dot(d, v, v);
    for (int64_t c = 0; c < k; c++) {
        double dot = 0;
        for (int64_t j = 0; j < d; j++) {
            dot += v[j] * m->basis[j * k + c];
        }
        for (int64_t j = 0; j < d; j++) {
            products[j * k + c] += factor * v[j] * dot;
        }
    }
}

static void centre(const as_statistic *s, double *sum)
{
    const int64_t d = s->width;
    double *const shift = sum + HEAD, *const first = shift + d, *const products = first + d;
    if (sum[WEIGHT] > 0) {
        add_outer(s, -1 / sum[WEIGHT], first, &sum[SQUARES], products);
        for (int64_t j = 0; j < d; j++) {
            shift[j] += first[j] / sum[WEIGHT];
            first[j] = 0;
        }
    }
}

void as_pca_random_merge(const as_statistic *s, double *left, const double *right)
{
    const as_pca *const m = s->model;
    const int64_t d = s->width, k = m->tries;
    const double a = left[WEIGHT], b = right[WEIGHT];
    double *const mean = left + HEAD, *const apart = mean + d, *const products = apart + d;
    const double *const shift = right + HEAD, *const first = shift + d;
    if (!(b > 0)) {
        return;
    }
    if (!(a > 0)) {
        memcpy(left, right, (size_t)as_pca_random_size(s) * sizeof *left);
        centre(s, left);
        return;
    }
    centre(s, left);
    s->kernels->add(d * k, products, first + d, products);
    left[SQUARES] += right[SQUARES];
    add_outer(s, -1 / b, first, &left[SQUARES], products);
    for (int64_t j = 0; j < d; j++) {
        apart[j] = shift[j] + first[j] / b - mean[j];
    }
    const double share = b / (a + b);
    add_outer(s, a * share, apart, &left[SQUARES], products);
    for (int64_t j = 0; j < d; j++) {
        mean[j] += apart[j] * share;
        apart[j] = 0;
    }
    left[WEIGHT] = a + b;
    left[ROWS] += right[ROWS];
}

/* Directions of the next pass: rows of q (k, d) orthonormal, those that depend on others zero. */
static void orthonormalise(int64_t d, int64_t k, double *q, const as_vectors *V)
{
    for (int64_t i = 0; i < k; i++) {
        double *const x = q + i * d;
        const double before = sqrt(V->dot(d, x, x));
        for (int64_t j = 0; j < d && before > 0; j++) {
            x[j] /= before;
        }
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t h = 0; h < i; h++) {
                V->axpy(d, -V->dot(d, q + h * d, x), q + h * d, x);
            }
        }
        const double left = sqrt(V->dot(d, x, x));
        for (int64_t j = 0; j < d; j++) {
            x[j] = left > 1e-13 ? x[j] / left : 0;
        }
    }
}

/* Rayleigh and Ritz: q (k, d) orthonormal rows, sq (k, d) rows of S Q. vector (k, d), value (k), residual (k). */
static as_status ritz(int64_t d, int64_t k, const double *q, const double *sq, double *value, double *vector,
                      double *residual, double *work)
{
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    double *const t = work, *const rotation = t + k * k, *const r = rotation + k * k;
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j <= i; j++) {
            const double a = V->dot(d, q + i * d, sq + j * d), b = V->dot(d, q + j * d, sq + i * d);
            t[i * k + j] = t[j * k + i] = 0.5 * (a + b);
        }
    }
    AS_TRY(as_dense_eigen(k, t, value, rotation));
    memset(vector, 0, (size_t)(k * d) * sizeof *vector);
    for (int64_t i = 0; i < k; i++) {
        memset(r, 0, (size_t)d * sizeof *r);
        for (int64_t j = 0; j < k; j++) {
            V->axpy(d, rotation[i * k + j], q + j * d, vector + i * d);
            V->axpy(d, rotation[i * k + j], sq + j * d, r);
        }
        V->axpy(d, -value[i], vector + i * d, r);
        residual[i] = sqrt(V->dot(d, r, r));
    }
    return AS_OK;
}

static as_status advance(as_statistic *s, const double *sum, double *work, bool *done)
{
    as_pca *const m = s->model;
    const as_vectors *const V = as_vectors_get(as_isa_detect());
    const int64_t d = s->width, k = m->tries;
    const double *const products = sum + HEAD + 2 * d;
    double *const q = work, *const sq = q + k * d, *const vector = sq + k * d, *const value = vector + k * d;
    double *const residual = value + k, *const rest = residual + k;
    for (int64_t j = 0; j < d; j++) {
        for (int64_t i = 0; i < k; i++) {
            q[i * d + j] = m->basis[j * k + i];
            sq[i * d + j] = products[j * k + i];
        }
    }
    *done = s->pass >= ((const as_pca_options *)s->options)->n_iter;
    if (*done) {
        AS_TRY(ritz(d, k, q, sq, value, vector, residual, rest));
        AS_TRY(as_pca_keep(s, sum[WEIGHT], sum[SQUARES], k, value, vector));
        for (int64_t i = 0; i < m->most; i++) {
            m->bound[i] = residual[i] / (sum[WEIGHT] - 1);
        }
        *m->solver = AS_PCA_RANDOMIZED;
        return AS_OK;
    }
    orthonormalise(d, k, sq, V);
    for (int64_t j = 0; j < d; j++) {
        for (int64_t i = 0; i < k; i++) {
            m->basis[j * k + i] = sq[i * d + j];
        }
    }
    *m->total = sum[SQUARES] / (sum[WEIGHT] > 1 ? sum[WEIGHT] - 1 : 1);
    return AS_OK;
}

as_status as_pca_random_finish(as_statistic *s, double *sum, bool *done)
{
    as_pca *const m = s->model;
    const int64_t d = s->width, k = m->tries;
    centre(s, sum);
    if (!isfinite(sum[SQUARES])) {
        AS_FAIL(AS_DATA, "%s: the squares of the columns add up to %g; scale the data", s->setup.data->place,
                sum[SQUARES]);
    }
    memcpy(m->mean, sum + HEAD, (size_t)d * sizeof *m->mean);
    *m->linear.rows = sum[ROWS];
    double *const work = calloc((size_t)(3 * k * d + 2 * k + 2 * k * k + d) + 1, sizeof *work);
    as_status status = AS_OK;
    if (work == NULL) {
        status =
            as_error_set(AS_NOMEM, "pca: no memory for %lld directions of %lld columns", (long long)k, (long long)d);
    } else {
        status = advance(s, sum, work, done);
    }
    free(work);
    return status;
}
