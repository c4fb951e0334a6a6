/* Means of classes and sums of products about them (scatter.h). */
#include "estimator/scatter.h"

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

/* Matrices are added once: those of the pair, then what lies between the means. */
void as_scatter_merge(const as_scatter *c, double *left, const double *right)
{
    const int64_t d = c->d, matrices = as_scatter_size(c) - c->classes * (1 + d);
    double *const own = left + c->classes * (1 + d);
    const double *const other = right + c->classes * (1 + d);
    for (int64_t i = 0; i < matrices; i++) {
        own[i] += other[i];
    }
    for (int64_t k = 0; k < c->classes; k++) {
        double *const n = as_scatter_weight(c, left, k), *const mean = as_scatter_mean(c, left, k);
        double *const m = as_scatter_matrix(c, left, k);
        const double *const b = right + (n - left);
        const double whole = *n + b[0];
        if (!(b[0] > 0)) {
            continue;
        }
        for (int64_t j = 0; j < d; j++) {
            const double scaled = (b[1 + j] - mean[j]) * (*n * (b[0] / whole));
            for (int64_t i = 0; i < d; i++) {
                m[j * d + i] += scaled * (b[1 + i] - mean[i]);
            }
        }
        for (int64_t j = 0; j < d; j++) {
            mean[j] += (b[1 + j] - mean[j]) * (b[0] / whole);
        }
        *n = whole;
    }
}

double as_scatter_trace(int64_t d, int64_t n, const double *m, const double *p, int64_t ld)
{
    double trace = 0;
    for (int64_t j = 0; j < n; j++) {
        for (int64_t a = 0; a < d; a++) {
            double dot = 0;
            for (int64_t b = 0; b < d; b++) {
                dot += m[a * d + b] * p[b * ld + j];
            }
            trace += dot * p[a * ld + j];
        }
    }
    return trace;
}
