/* Means of classes and sums of products about them (scatter.h). */
#include "estimator/scatter.h"

#include <stdlib.h>

#include "base/error.h"
#include "kernels/vectors.h"

int64_t as_scatter_size(const as_scatter *c)
{
    return c->classes * (1 + c->d) + (c->pooled ? 1 : c->classes) * c->d * c->d;
}

int64_t as_scatter_scratch(const as_statistic *s)
{
    return 2 * s->chunk * s->width;
}

double *as_scatter_weight(const as_scatter *c, double *sum, int64_t k)
{
    return sum + k * (1 + c->d);
}

double *as_scatter_mean(const as_scatter *c, double *sum, int64_t k)
{
    return sum + k * (1 + c->d) + 1;
}

double *as_scatter_matrix(const as_scatter *c, double *sum, int64_t k)
{
    return sum + c->classes * (1 + c->d) + (c->pooled ? 0 : k * c->d * c->d);
}

/* The rows of class k, or of all (-1): differences, and the same times their factors; returns their number. */
static int64_t differences(const as_scatter *c, const as_rows *r, int64_t k, double *sum, double *delta, double *scaled)
{
    const int64_t d = c->d;
    int64_t n = 0;
    for (int64_t i = 0; i < r->count; i++) {
        const double w = r->weight[i];
        if ((k >= 0 && r->label[i] != k) || !(w > 0)) {
            continue;
        }
        double *const weight = as_scatter_weight(c, sum, r->label[i]), *restrict const mean = weight + 1;
        double *restrict const to = delta + n * d, *restrict const times = scaled + n * d;
        const double factor = w * (*weight / (*weight + w)), share = w / (*weight + w);
        for (int64_t j = 0; j < d; j++) {
            const double difference = r->x[i * d + j] - mean[j];
            to[j] = difference;
            times[j] = factor * difference;
            mean[j] += share * difference;
        }
        *weight += w;
        n++;
    }
    return n;
}

void as_scatter_rows(const as_statistic *s, const as_scatter *c, const as_rows *r, double *sum)
{
    const int64_t d = c->d;
    double *const delta = r->scratch, *const scaled = delta + s->chunk * d;
    int16_t step[2] = {0, AS_TREE_EMIT}, first[1] = {0}, lanes[1] = {1};
    const as_tree_program program = {
        .lanes = 1, .steps = 2, .parts = 1, .depth = 1, .step = step, .part_first = first, .part_lanes = lanes};
    for (int64_t k = 0; k < (c->pooled ? 1 : c->classes); k++) {
        const int64_t lane_row[2] = {0, differences(c, r, c->pooled ? -1 : k, sum, delta, scaled)};
        void *part[1] = {as_scatter_matrix(c, sum, k)};
        if (lane_row[1] > 0) {
            s->kernels->outer_lanes(d, d, scaled, d, delta, d, &program, lane_row, true, part, d, 0, 1);
        }
    }
}

/* Matrices are added once: those of the pair, then what lies between the means; row by row, while it is near. */
void as_scatter_merge(const as_scatter *c, double *left, const double *right)
{
    const int64_t d = c->d, matrices = c->pooled ? 1 : c->classes;
    for (int64_t q = 0; q < matrices; q++) {
        double *const m = as_scatter_matrix(c, left, q);
        const double *const other = right + (m - left);
        for (int64_t j = 0; j < d; j++) {
            double *const row = m + j * d;
            for (int64_t i = 0; i < d; i++) {
                row[i] += other[j * d + i];
            }
            for (int64_t k = c->pooled ? 0 : q; k < (c->pooled ? c->classes : q + 1); k++) {
                const double *const n = as_scatter_weight(c, left, k), *const mean = n + 1,
                                    *const b = right + (n - left);
                const double scaled = b[0] > 0 ? (b[1 + j] - mean[j]) * (*n * (b[0] / (*n + b[0]))) : 0;
                for (int64_t i = 0; i < d && b[0] > 0; i++) {
                    row[i] += scaled * (b[1 + i] - mean[i]);
                }
            }
        }
    }
    for (int64_t k = 0; k < c->classes; k++) {
        double *const n = as_scatter_weight(c, left, k), *const mean = n + 1;
        const double *const b = right + (n - left), whole = *n + b[0];
        for (int64_t j = 0; j < d && b[0] > 0; j++) {
            mean[j] += (b[1 + j] - mean[j]) * (b[0] / whole);
        }
        *n = b[0] > 0 ? whole : *n;
    }
}

as_status as_scatter_trace(const as_statistic *s, int64_t d, int64_t n, const double *m, const double *p, double *trace)
{
    enum { ROWS = 64 };
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    double *const packed = calloc((size_t)(s->kernels->pack_reals(d, n) + ROWS * n) + 1, sizeof *packed);
    if (packed == NULL) {
        AS_FAIL(AS_NOMEM, "%s: no memory for %lld columns", s->base.ops->name, (long long)d);
    }
    double *const product = packed + s->kernels->pack_reals(d, n);
    s->kernels->pack(d, n, p, 0, d * n, packed, NULL);
    *trace = 0;
    for (int64_t a = 0; a < d; a += ROWS) {
        const int64_t rows = d - a < ROWS ? d - a : ROWS;
        s->kernels->gemm(rows, n, d, m + a * d, d, packed, NULL, false, product, n);
        for (int64_t i = 0; i < rows; i++) {
            *trace += V->dot(n, product + i * n, p + (a + i) * n);
        }
    }
    free(packed);
    return AS_OK;
}
